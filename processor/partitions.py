"""Partitions come and go: the walks through the stages that Kafka's callbacks and a pause cause."""

from collections.abc import Callable, Set

from processor.partition import Partition
from processor.pipeline import Pipeline
from processor.restore.restore import Restore
from runtime.logging import get_logger

JOIN_SECONDS = 0.05

log = get_logger(__name__)


class Partitions:
    """`join_seconds` = how long calls under way are waited for; `tick` is called wherever that takes time."""

    def __init__(self, pipeline: Pipeline, restore: Restore, join_seconds: float, tick: Callable[[], float]) -> None:
        self._pipeline, self._stages, self._restore = pipeline, pipeline.stages, restore
        self._join_seconds, self._tick = join_seconds, tick

    @property
    def restoring(self) -> bool:
        """Whether some partition is not ready yet."""
        return self._restore.loading

    def turn(self, now: float) -> None:
        """Begin with the partitions that became ready."""
        for partition in self._restore.poll(now):
            self._open(partition, now)

    def assigned(self, partitions: Set[int]) -> None:
        """They are ours: restore what is known of them."""
        self._restore.begin(partitions, self._tick())

    def revoked(self, partitions: Set[int]) -> None:
        """Drop what was not sent, from the source down; wait for calls under way; commit what has an outcome."""
        stages, route_all = self._stages, self._pipeline.route_all
        stages.source.revoke(partitions)
        stages.coalesce.revoke(partitions)
        stages.enrich.revoke(partitions)
        stages.record.revoke(partitions)
        stages.deliver.revoke(partitions)
        until = (now := self._tick()) + self._join_seconds
        while stages.deliver.busy(partitions) and now < until:
            route_all(stages.deliver.join(now, JOIN_SECONDS))
            now = self._tick()
        stages.deliver.revoke(partitions)
        route_all(stages.deliver.join(now, 0.0))
        route_all(stages.record.poll(now))
        until = now + self._join_seconds
        while not stages.commit.idle and now < until:
            route_all(stages.commit.poll(now, at_once=True))
            stages.commit.join(JOIN_SECONDS)
            now = self._tick()
        self.lost(partitions)

    def lost(self, partitions: Set[int]) -> None:
        """Forget all that is held of them: it comes again, to the next owner."""
        stages = self._stages
        stages.source.revoke(partitions)
        stages.coalesce.revoke(partitions)
        stages.enrich.revoke(partitions)
        stages.deliver.lose(partitions)
        stages.record.lose(partitions)
        stages.commit.lose(partitions)
        self._restore.drop(partitions)

    def restart(self) -> None:
        """Give all work up without leaving the group: entries come again from the committed offsets."""
        partitions = self._stages.commit.partitions | self._restore.numbers
        self._stages.source.pause(partitions)
        self.revoked(partitions)
        self.assigned(partitions)

    def leave(self) -> None:
        """Ask the group's consumer nothing more: it can be closed."""
        self._restore.close()
        self._stages.source.close()

    def _open(self, partition: Partition, now: float) -> None:
        stages = self._stages
        if not stages.source.open(partition):
            self._restore.begin({partition.number}, now)
            return
        log.info("partition ready", partition=partition.number, offset=partition.position, ledger_rows=partition.rows)
        stages.coalesce.assign(partition)
        stages.enrich.assign(partition)
        stages.record.assign(partition)
        stages.commit.assign(partition)
