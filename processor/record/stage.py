"""What happens when an order has its outcome: row, tracker, metrics, and the entries that came meanwhile."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from processor.commit.transaction import Record, dead_letter, final_row
from processor.deliver.state_machine import Ending
from processor.holdings import Holdings
from processor.job import Entry, Job
from processor.record.dead_letters import Death
from processor.restore.ledger import Ledger
from runtime.logging import get_logger
from runtime.metrics import Metrics
from schemas.records import Delivery, Outcome

log = get_logger(__name__)


class Outcomes:
    """Everything here goes into the next transaction. `open_job` begins the job of an order's later entries."""

    def __init__(
        self,
        holdings: Holdings,
        ledger: Ledger,
        record: Record,
        topic: str,
        metrics: Metrics,
        open_job: Callable[[int, int, list[Entry], Delivery | None], Job],
    ) -> None:
        self._holdings, self._ledger, self._record, self._topic = holdings, ledger, record, topic
        self._metrics, self._open_job = metrics, open_job

    def conclude(self, job: Job, ending: Ending) -> None:
        """A job has its outcome: its row goes into the next transaction, later entries become the next job."""
        batch = self._holdings.batch
        partition = self._holdings.partitions.get(job.partition)
        followers = self._holdings.jobs.close(job)
        if partition is None or (job.abandoned and not ending.event_id):
            return
        row = final_row(job, ending, partition.topic_id, datetime.now(UTC))
        value = self._record.encode(row)
        batch.rows[job.order_id] = (job.partition, value)
        self._ledger.put(job.partition, job.order_id, value)
        for entry in job.entries:
            partition.tracker.done(entry.raw.offset)
        batch.touched.add(job.partition)
        self._tell(job, row)
        if followers and not job.abandoned:
            following = self._open_job(job.order_id, job.partition, followers, row)
            following.settle_until = max(following.settle_until, job.settle_until)

    def bury(self, death: Death) -> None:
        """Something can never succeed: its messages become dead letters."""
        for raw in death.raws:
            letter = dead_letter(raw, self._topic, death.reason, death.error, death.attempts)
            self._holdings.batch.dead.append((raw, letter))
        log.error(
            "dead letter",
            outcome=str(Outcome.DEAD),
            reason=death.reason,
            log_id=death.job.log_id if death.job else None,
            topic=self._topic,
            partition=death.partition,
            offset=death.raws[-1].offset,
            order_id=death.job.order_id if death.job else None,
            attempt=death.attempts,
            error=str(death.error) if death.error else "",
        )
        self._metrics.dead_letters.labels(reason=death.reason).inc(len(death.raws))
        if death.job is not None:
            contact = death.job.contact_id
            self.conclude(death.job, Ending(Outcome.DEAD, death.reason, None, contact, death.error))
            return
        for raw in death.raws:
            self._holdings.partitions[raw.partition].tracker.done(raw.offset)
            self._holdings.batch.touched.add(raw.partition)

    def _tell(self, job: Job, row: Delivery) -> None:
        self._metrics.delivery.observe(max(0.0, time.time() - job.entries[0].raw.written_at))
        self._metrics.orders.labels(outcome=str(row.outcome), reason=row.reason).inc()
        log.info(
            "order done",
            order_id=job.order_id,
            outcome=str(row.outcome),
            reason=row.reason,
            log_id=job.log_id,
            topic=self._topic,
            partition=job.partition,
            offset=job.offset,
            attempt=job.attempts,
        )
