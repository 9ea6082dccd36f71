"""One membership of the group, from joining to leaving. What it did not commit comes again."""

from collections.abc import Callable, Iterable
from typing import Protocol

from processor.consume.rebalance import Rebalance
from processor.control.report import Report
from processor.deliver.lease import Lease
from processor.errors import NeedsOperator
from processor.pipeline import Pipeline
from runtime.health import Health


class Watch(Protocol):
    """Something that is looked at in every turn."""

    def look(self) -> None:
        """Look; raises what ends the membership."""


class Membership:
    """Built on joining, thrown away on leaving."""

    def __init__(
        self,
        pipeline: Pipeline,
        rebalance: Rebalance,
        report: Report,
        watches: Iterable[Watch],
        lease: Lease,
        health: Health,
    ) -> None:
        self._pipeline, self._rebalance, self._report = pipeline, rebalance, report
        self._watches, self._lease, self._health = tuple(watches), lease, health

    def run(
        self, stopping: Callable[[], bool], owns: Callable[[int], None], all_done: Callable[[], bool] | None
    ) -> bool:
        """Turn until stopped, or until caught up (True) where `all_done` says whether nothing of the group is left.

        `owns` gets the number of assigned partitions in each turn. NeedsOperator, Rejoin, Fenced, KafkaException and
        RegistryUnavailable end it.
        """
        self._pipeline.stages.commit.open()
        self._rebalance.join(self._pipeline)
        caught_up = False
        try:
            while not (caught_up or stopping()):
                now = turn_of(self._lease, self._health)
                for watch in self._watches:
                    watch.look()
                owns(len(self._rebalance.owned))
                self._pipeline.turn(now)
                self._rebalance.check()
                self._report.turn(now)
                caught_up = self._settled() and all_done is not None and self._pipeline.caught_up and all_done()
        except NeedsOperator:
            self._pipeline.revoked(self._rebalance.owned)
            raise
        self._pipeline.revoked(self._rebalance.owned)
        return caught_up

    def leave(self) -> None:
        """Refuse every later write; the group's callbacks do nothing any more, and its consumer can be closed."""
        self._rebalance.leave()
        self._report.end()
        self._lease.give_up()
        self._pipeline.leave()

    def close(self) -> None:
        """End threads and files; calls under way are waited for."""
        self._pipeline.close()

    def _settled(self) -> bool:
        settled = self._rebalance.known and not self._pipeline.restoring
        why = "partitions are being loaded" if self._rebalance.known else "waiting for the group to hand out partitions"
        self._health.set_ready("assignment", settled, why)
        return settled


def turn_of(lease: Lease, health: Health) -> float:
    """Note a turn of the loop, and return its time; LeaseLost."""
    now = lease.turn()
    health.turn()
    return now
