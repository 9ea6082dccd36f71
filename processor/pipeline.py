"""The way of an order, turned by one thread: entry → job → order read → decided → sent → recorded → committed.

Stages hand on values, and `_route` is the table of where each goes. Two arrows lead back: an intent that is in Kafka to
deliver, and an order's outcome to coalesce, which may hold its next entries.
"""

from collections.abc import Callable, Iterable, Set
from typing import Any

from processor.control.operator import Operator
from processor.decide.judge import Decided, Judge
from processor.ending import Ending
from processor.job import Entry, Job
from processor.partition import Partition
from processor.restore.restore import Restore
from processor.stages import Stages
from processor.values import Acknowledged, Dropped, Intent, Passed, Read, Recorded, Released, Undecodable
from runtime.logging import get_logger

IDLE_SECONDS, WORK_SECONDS, REPLY_SECONDS, JOIN_SECONDS = 0.1, 0.02, 0.01, 0.05

log = get_logger(__name__)


class Pipeline:
    """`tick` is called wherever the loop waits; `join_seconds` = how long calls under way are waited for."""

    def __init__(
        self,
        stages: Stages,
        restore: Restore,
        operator: Operator,
        judge: Judge,
        join_seconds: float,
        tick: Callable[[], float],
    ) -> None:
        self.stages, self._restore, self._operator, self._judge = stages, restore, operator, judge
        self._join_seconds, self._tick = join_seconds, tick
        self._rules, self._paused = operator.rules, False

    def turn(self, now: float) -> None:
        """One turn of the loop."""
        stages = self.stages
        self._obey(now)
        for partition in self._restore.poll(now):
            self._open(partition, now)
        for entry in stages.source.poll(now, self._room(now), self._wait()):
            stages.commit.start(entry.raw)
            self._route(entry)
        self._pass_on(stages.coalesce.poll(now, stages.enrich.room))
        self._pass_on(stages.enrich.poll(now))
        self._pass_on(stages.deliver.poll(now))
        self._pass_on(stages.deliver.join(now, REPLY_SECONDS if stages.deliver.in_flight else 0.0))
        self._pass_on(stages.record.poll(now))
        self._pass_on(stages.commit.poll(now))

    def _route(self, value: Any) -> None:
        stages = self.stages
        match value:
            case Entry():
                stages.coalesce.submit(value)
            case Job():
                stages.enrich.submit(value)
            case Read():
                self._route(self._judge.judge(value.job, value.enriched, self._rules))
            case Decided():
                stages.deliver.submit(value)
            case Ending() | Undecodable():
                stages.record.submit(value)
            case Passed() | Intent() | Released():
                stages.commit.submit(value)
            case Recorded():
                stages.commit.submit(value)
                if value.job is not None and value.row is not None:
                    stages.coalesce.finished(value.job, value.row, value.value, value.settle_until)
            case Dropped():
                stages.coalesce.forget(value.job)
            case Acknowledged():
                job = value.intent.job
                stages.coalesce.stored(job.partition, job.order_id, value.value)
                stages.deliver.intended(value.intent, value.began)
            case _:
                raise TypeError(f"nothing is done with {type(value).__name__}")

    def leave(self) -> None:
        """Ask the group's consumer nothing more: it can be closed."""
        self._restore.close()
        self.stages.source.close()

    def close(self) -> None:
        """End threads and files; calls under way are waited for."""
        self.stages.deliver.close()
        self.stages.enrich.close()
        self.stages.commit.close()
        self.stages.coalesce.close()

    # ---- partitions come and go

    def assigned(self, partitions: Set[int]) -> None:
        """They are ours: restore what is known of them."""
        self._restore.begin(partitions, self._tick())

    def revoked(self, partitions: Set[int]) -> None:
        """Drop what was not sent, from the source down; wait for calls under way; commit what has an outcome."""
        stages = self.stages
        stages.source.revoke(partitions)
        stages.coalesce.revoke(partitions)
        stages.enrich.revoke(partitions)
        stages.record.revoke(partitions)
        stages.deliver.revoke(partitions)
        until = (now := self._tick()) + self._join_seconds
        while stages.deliver.busy(partitions) and now < until:
            self._pass_on(stages.deliver.join(now, JOIN_SECONDS))
            now = self._tick()
        stages.deliver.revoke(partitions)
        self._pass_on(stages.deliver.join(now, 0.0))
        self._pass_on(stages.record.poll(now))
        until = now + self._join_seconds
        while not stages.commit.idle and now < until:
            self._pass_on(stages.commit.poll(now, at_once=True))
            stages.commit.join(JOIN_SECONDS)
            now = self._tick()
        self.lost(partitions)

    def lost(self, partitions: Set[int]) -> None:
        """Forget all that is held of them: it comes again, to whoever owns them."""
        stages = self.stages
        stages.source.revoke(partitions)
        stages.coalesce.revoke(partitions)
        stages.enrich.revoke(partitions)
        stages.deliver.lose(partitions)
        stages.record.lose(partitions)
        stages.commit.lose(partitions)
        self._restore.drop(partitions)

    def restart(self) -> None:
        """Give all work up without leaving the group: entries come again from the committed offsets."""
        partitions = self.stages.commit.partitions | self._restore.numbers
        self.stages.source.pause(partitions)
        self.revoked(partitions)
        self.assigned(partitions)

    # ---- what decides how much is taken

    @property
    def restoring(self) -> bool:
        """Whether some partition is not ready yet."""
        return self._restore.loading

    @property
    def idle(self) -> bool:
        """Whether everything that was taken has its outcome in Kafka."""
        stages = self.stages
        return not (stages.coalesce.unfinished or stages.record.held) and stages.commit.idle

    @property
    def caught_up(self) -> bool:
        """Whether nothing of the partitions that are worked on is left."""
        stages = self.stages
        proven = stages.enrich.breaker.proven or not stages.commit.partitions
        return proven and self._operator.may_take and self.idle and stages.source.at_end

    def _open(self, partition: Partition, now: float) -> None:
        stages = self.stages
        if not stages.source.open(partition):
            self._restore.begin({partition.number}, now)
            return
        log.info("partition ready", partition=partition.number, offset=partition.position, ledger_rows=partition.rows)
        stages.coalesce.assign(partition)
        stages.enrich.assign(partition)
        stages.record.assign(partition)
        stages.commit.assign(partition)

    def _obey(self, now: float) -> None:
        """Follow the operator and the breaker of dead letters: a pause is a restart after which nothing is taken."""
        stages, operator = self.stages, self._operator
        operator.poll(now)
        if operator.rules is not self._rules:
            self._rules = operator.rules
            stages.enrich.use(self._rules)
        changed = stages.record.take_change()
        if changed or (operator.paused and not self._paused):
            self.restart()
        self._paused = operator.paused
        operator.report()
        stages.record.idle = stages.record.held_jobs == stages.coalesce.unfinished
        stages.deliver.held = stages.commit.doubted
        if stages.commit.doubted and stages.commit.idle and (found := stages.coalesce.unfinished_row()) is not None:
            stages.commit.rewrite(*found)

    def _room(self, now: float) -> int:
        stages = self.stages
        if not self._operator.may_take:
            return 0
        if stages.record.breaker.open:
            return self._trial(now)
        return max(0, min(stages.coalesce.room, stages.deliver.room))

    def _trial(self, now: float) -> int:
        """One entry when it is time for another trial; once all were tried, the first of them comes again."""
        stages, commit = self.stages, self.stages.commit
        idle = stages.coalesce.unfinished == 0
        if not stages.record.try_one(now, idle):
            return 0
        if idle and stages.source.at_end and any(commit.unfinished(number) for number in commit.partitions):
            self.restart()
            return 0
        return 1

    def _wait(self) -> float:
        if self.stages.deliver.in_flight or self._restore.loading:
            return 0.0
        return WORK_SECONDS if self.stages.coalesce.unfinished or not self.stages.commit.idle else IDLE_SECONDS

    def _pass_on(self, values: Iterable[Any]) -> None:
        for value in values:
            self._route(value)
