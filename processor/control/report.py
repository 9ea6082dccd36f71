"""What the outside sees of the pipeline: readiness, metrics, lag, and an alarm for the entry that waits longest."""

import time
from collections.abc import Callable
from datetime import datetime

from processor.stages import Stages
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import Metrics

REPORT_SECONDS, ALARM_SECONDS, ALARM_AGAIN_SECONDS = 1.0, 600.0, 60.0

log = get_logger(__name__)


class Report:
    """`blocked_until` = until when BaseLinker blocks the token, if it does."""

    def __init__(
        self, stages: Stages, topic: str, health: Health, metrics: Metrics, blocked_until: Callable[[], datetime | None]
    ) -> None:
        self._stages, self._topic, self._blocked_until = stages, topic, blocked_until
        self._health, self._metrics = health, metrics
        self._next = self._next_alarm = 0.0
        self._shown: set[int] = set()

    def turn(self, now: float) -> None:
        """Once a second."""
        if now < self._next:
            return
        self._next = now + REPORT_SECONDS
        self._readiness()
        self._counts()
        self._lag()
        self._oldest(now, time.time())

    def end(self) -> None:
        """Take the lag away: another member reports these partitions now."""
        self._remove(self._shown)

    def _readiness(self) -> None:
        sales, base = self._stages.deliver.breaker, self._stages.enrich.breaker
        blocked = self._blocked_until()
        waits = f"{base.why or 'asks to wait'}; waiting until {blocked:%H:%M:%S} UTC" if blocked else ""
        storm = self._stages.record.breaker.open
        self._health.set_ready(sales.name, sales.stopped is None, sales.stopped or "")
        self._health.set_ready(base.name, base.stopped is None and not blocked, base.stopped or waits)
        self._health.set_ready("dead letters", not storm, "too many dead letters in a row")
        self._metrics.paused.set(1 if sales.stopped or base.stopped or storm else 0)

    def _counts(self) -> None:
        self._metrics.parked.set(self._stages.deliver.parked)
        self._metrics.retrying.set(self._stages.deliver.retrying + self._stages.enrich.retrying)

    def _lag(self) -> None:
        source, commit = self._stages.source, self._stages.commit
        for number in commit.partitions:
            self._metrics.lag.labels(partition=str(number)).set(commit.unfinished(number) + source.waiting(number))
        self._remove(self._shown - commit.partitions)
        self._shown = set(commit.partitions)

    def _remove(self, numbers: set[int]) -> None:
        for number in numbers:
            self._metrics.lag.remove(str(number))

    def _oldest(self, now: float, wall: float) -> None:
        """Report the entry that has waited longest; what is replayed had its outcome before."""
        waiting = (entry for entry in self._stages.coalesce.entries() if not entry.replayed)
        oldest = min(waiting, key=lambda entry: entry.raw.written_at, default=None)
        age = max(0.0, wall - oldest.raw.written_at) if oldest is not None else 0.0
        self._metrics.oldest_unfinished.set(age)
        if oldest is None or age <= ALARM_SECONDS or now < self._next_alarm:
            return
        self._next_alarm = now + ALARM_AGAIN_SECONDS
        log.error(
            "an entry has had no outcome for 10 minutes",
            seconds=round(age),
            order_id=oldest.record.order_id,
            log_id=oldest.record.log_id,
            topic=self._topic,
            partition=oldest.raw.partition,
            offset=oldest.raw.offset,
            parked=self._stages.deliver.parked,
            baselinker=self._stages.enrich.breaker.why or "ok",
            salesmanago=self._stages.deliver.breaker.why or "ok",
        )
