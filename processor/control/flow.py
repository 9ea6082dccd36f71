"""How much is taken, and when: by room, by the operator, and by the breaker of dead letters."""

from collections.abc import Callable

from processor.control.operator import Operator
from processor.partitions import Partitions
from processor.pipeline import Pipeline

IDLE_SECONDS, WORK_SECONDS = 0.1, 0.02


class Flow:
    """Turns the pipeline; `tick` = the time. A pause is a restart of all partitions after which nothing is taken."""

    def __init__(
        self, pipeline: Pipeline, partitions: Partitions, operator: Operator, tick: Callable[[], float]
    ) -> None:
        self._pipeline, self._stages = pipeline, pipeline.stages
        self._partitions, self._operator = partitions, operator
        self._tick = tick
        self._paused = False

    def turn(self, now: float) -> None:
        """One turn of everything; NeedsOperator, Rejoin, Fenced, KafkaException, RegistryUnavailable."""
        self._follow_operator(now)
        self._partitions.turn(now)
        self._pipeline.take(now, self._room(now), self._seconds())
        self._pipeline.turn(self._tick())  # a rebalance may have run meanwhile, and taken half a minute

    @property
    def idle(self) -> bool:
        """Whether everything that was taken has its outcome in Kafka."""
        return not (self._stages.coalesce.unfinished or self._stages.record.held) and self._stages.commit.idle

    @property
    def caught_up(self) -> bool:
        """Whether nothing of the partitions that are worked on is left."""
        stages = self._stages
        proven = stages.enrich.breaker.proven or not stages.commit.partitions
        return proven and self._operator.may_take and self.idle and stages.source.at_end

    def _follow_operator(self, now: float) -> None:
        stages, operator = self._stages, self._operator
        operator.poll(now)
        if operator.rules is not self._pipeline.rules:
            self._pipeline.rules = operator.rules
            stages.enrich.use(operator.rules)
        changed = stages.record.take_change()
        if changed or (operator.paused and not self._paused):
            self._partitions.restart()
        self._paused = operator.paused
        operator.report()
        stages.record.idle = stages.record.held_jobs == stages.coalesce.unfinished
        stages.deliver.held = stages.commit.doubted
        if stages.commit.doubted and stages.commit.idle and (found := stages.coalesce.unfinished_row()) is not None:
            stages.commit.rewrite(*found)

    def _room(self, now: float) -> int:
        if not self._operator.may_take:
            return 0
        if self._stages.record.breaker.open:
            return self._trial(now)
        return max(0, min(self._stages.coalesce.room, self._stages.deliver.room))

    def _trial(self, now: float) -> int:
        """One entry when it is time for another trial; once all were tried, the first of them comes again."""
        stages, commit = self._stages, self._stages.commit
        idle = stages.coalesce.unfinished == 0
        if not stages.record.try_one(now, idle):
            return 0
        if idle and stages.source.at_end and any(commit.unfinished(number) for number in commit.partitions):
            self._partitions.restart()
            return 0
        return 1

    def _seconds(self) -> float:
        """How long to wait for messages."""
        if self._stages.deliver.in_flight or self._partitions.restoring:
            return 0.0
        return WORK_SECONDS if self._stages.coalesce.unfinished or not self._stages.commit.idle else IDLE_SECONDS
