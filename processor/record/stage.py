"""From endings to what is written down: rows, and dead letters after a while.

A dead letter is held for a few seconds: where SALESmanago accepts such a write of another order meanwhile, the fault
lies with this order. Where the breaker opens, what is held is dropped and comes again.
"""

import heapq
import itertools
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from processor.dead_letters import dead_letter
from processor.ending import Ending, Write
from processor.errors import NeedsOperator
from processor.job import Job, Raw
from processor.ledger_rows import final_row
from processor.partition import Partition
from processor.record.breaker import DeadLetterBreaker
from processor.values import Dropped, Recorded, Undecodable
from runtime.logging import get_logger
from runtime.metrics import Metrics
from schemas.codec import Codec
from schemas.records import DeadLetter, Delivery, Outcome

HOLD_SECONDS = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Dead:
    raws: tuple[Raw, ...]
    reason: str
    error: Exception | None
    at: float
    ending: Ending | None = None

    @property
    def refused(self) -> Write:
        return self.ending.refused if self.ending is not None else Write.NONE


class Record:
    """Without patience, NeedsOperator is raised where the breaker opens, and dead letters are not held when idle."""

    def __init__(
        self, breaker: DeadLetterBreaker, codec: Codec, metrics: Metrics, topic: str, patient: bool = True
    ) -> None:
        self.breaker, self._codec, self._metrics = breaker, codec, metrics
        self._topic, self._patient = topic, patient
        self._partitions: dict[int, Partition] = {}
        self._settling: list[tuple[float, int, Ending]] = []
        self._tick = itertools.count()
        self._held: list[_Dead] = []
        self._unread: list[Undecodable] = []
        self.idle = False  # whether nothing but what is held here is unfinished
        self._changed = False

    @property
    def room(self) -> int:
        """As much as comes."""
        return 1

    def take_change(self) -> bool:
        """Whether the breaker opened or closed since this was asked last: all work is then to be begun again."""
        changed, self._changed = self._changed, False
        return changed

    def try_one(self, now: float, idle: bool) -> bool:
        """Whether one entry is to be taken although the breaker is open."""
        return self.breaker.trial(now, idle)

    @property
    def held(self) -> int:
        """Dead letters that are not recorded yet."""
        return len(self._held)

    @property
    def held_jobs(self) -> int:
        """Those that are orders."""
        return sum(dead.ending is not None for dead in self._held)

    def assign(self, partition: Partition) -> None:
        """Begin with a partition, and take over its count of dead letters."""
        self._partitions[partition.number] = partition
        self.breaker.restore(partition.progress.dead_streak)

    def submit(self, item: Ending | Undecodable) -> None:
        """Take in how a job ended, or a message that can't be read."""
        if isinstance(item, Undecodable):
            self._unread.append(item)
        elif item.job.partition in self._partitions:
            heapq.heappush(self._settling, (item.not_before, next(self._tick), item))

    def poll(self, now: float) -> Iterator[Recorded | Dropped]:
        """Hand on what may be written down by now."""
        while self._settling and self._settling[0][0] <= now:
            yield from self._end(heapq.heappop(self._settling)[2], now)
        for message in self._unread:
            yield from self._die(_Dead((message.raw,), message.reason, message.error, now))
        self._unread = []
        if self.breaker.check((dead.refused for dead in self._held), now):
            self._open()
        if not self.breaker.open:
            at_once = self.idle and not self._patient
            yield from self._bury([dead for dead in self._held if at_once or now - dead.at >= HOLD_SECONDS])

    def revoke(self, partitions: Set[int]) -> None:
        """Drop what is held of these partitions; it comes again. Their endings can still be handed on."""
        self._held = [dead for dead in self._held if dead.raws[0].partition not in partitions]
        self._unread = [message for message in self._unread if message.raw.partition not in partitions]

    def lose(self, partitions: Set[int]) -> None:
        """Drop everything of these partitions."""
        self.revoke(partitions)
        self._settling = [one for one in self._settling if one[2].job.partition not in partitions]
        heapq.heapify(self._settling)
        for number in partitions:
            self._partitions.pop(number, None)

    def close(self) -> None:
        """Nothing is left open here."""

    def _end(self, ending: Ending, now: float) -> Iterator[Recorded | Dropped]:
        job = ending.job
        if ending.outcome is Outcome.DEAD:
            raws = tuple(entry.raw for entry in job.entries)
            yield from self._die(_Dead(raws, ending.reason, ending.error, now, ending))
            return
        proven = list(self._accepted(ending.accepted, now)) if ending.accepted else []
        yield self._recorded(ending)
        yield from proven

    def _accepted(self, writes: Set[Write], now: float) -> Iterator[Recorded]:
        if self.breaker.accepted(writes):
            log.info("SALESmanago accepts these writes again: trying all orders again")
            self._changed = True
        if self.breaker.open:
            self._tried(now)
        else:
            yield from self._bury([dead for dead in self._held if dead.refused in writes], counted=False)

    def _die(self, dead: _Dead) -> Iterator[Dropped]:
        if not self.breaker.open:
            self._held.append(dead)
            return
        self._tried(dead.at)
        if dead.ending is not None:
            yield Dropped(dead.ending.job)

    def _tried(self, now: float) -> None:
        log.warning("still paused by dead letters: the next order is tried in a minute", streak=self.breaker.streak)
        self.breaker.tried(now)

    def _open(self) -> None:
        reasons = sorted({dead.reason for dead in self._held})
        last = self._held[-1]
        if not self._patient:
            raise NeedsOperator(
                f"{self.breaker.streak} dead letters in a row (last: {last.reason}: {last.error or ''});"
                " nothing more is dead-lettered. Fix the cause and start again, or raise MAX_CONSECUTIVE_DEAD_LETTERS"
            )
        log.error(
            "paused: too many dead letters in a row; one order is tried each minute. Fix the cause, or raise"
            " MAX_CONSECUTIVE_DEAD_LETTERS",
            streak=self.breaker.streak,
            reasons=reasons,
        )
        self._held = []
        self._changed = True

    def _bury(self, dead: list[_Dead], counted: bool = True) -> Iterator[Recorded]:
        self._held = [one for one in self._held if one not in dead]
        for one in dead:
            if counted:
                self.breaker.recorded(one.refused)
            yield self._buried(one)

    def _buried(self, dead: _Dead) -> Recorded:
        ending, last = dead.ending, dead.raws[-1]
        attempts = ending.attempts if ending is not None else 0
        letters = tuple((raw, dead_letter(raw, self._topic, dead.reason, dead.error, attempts)) for raw in dead.raws)
        log.error(
            "dead letter",
            outcome=str(Outcome.DEAD),
            reason=dead.reason,
            log_id=ending.job.log_id if ending is not None else None,
            topic=self._topic,
            partition=last.partition,
            offset=last.offset,
            order_id=ending.job.order_id if ending is not None else None,
            attempt=attempts,
            error=str(dead.error) if dead.error else "",
        )
        self._metrics.dead_letters.labels(reason=dead.reason).inc(len(letters))
        if ending is not None:
            return self._recorded(ending, letters)
        return Recorded(dead.raws, self.breaker.streak, letters=letters)

    def _recorded(self, ending: Ending, letters: tuple[tuple[Raw, DeadLetter], ...] = ()) -> Recorded:
        job = ending.job
        row = final_row(ending, self._partitions[job.partition].topic_id, datetime.now(UTC))
        self._report(job, row, ending.attempts)
        raws = tuple(entry.raw for entry in job.entries)
        value = self._codec.encode(row)
        return Recorded(raws, self.breaker.streak, job, row, value, letters, ending.settle_until)

    def _report(self, job: Job, row: Delivery, attempts: int) -> None:
        if (since := job.waiting_since) is not None:
            self._metrics.delivery.observe(max(0.0, time.time() - since))
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
            attempt=attempts,
        )
