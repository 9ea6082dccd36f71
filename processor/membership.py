"""One membership of the group, from joining to leaving. What it did not commit comes again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from processor.consume.rebalance import Rebalance
from processor.control.flow import Flow
from processor.control.report import Report
from processor.deliver.lease import Lease
from processor.errors import NeedsOperator
from processor.partitions import Partitions
from runtime.health import Health
from schemas.topics import TopicProblem


class Watch(Protocol):
    """Something that is looked at in every turn."""

    def look(self) -> None:
        """Look; raises what ends the membership."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What notes that the loop turns."""

    lease: Lease
    health: Health

    def note(self) -> float:
        """Note a turn, and return its time; LeaseLost."""
        self.health.turn()
        return self.lease.turn()


class Membership:
    """Built on joining, thrown away on leaving."""

    def __init__(
        self,
        flow: Flow,
        partitions: Partitions,
        rebalance: Rebalance,
        report: Report,
        watches: Iterable[Watch],
        turn: Turn,
    ) -> None:
        self._flow, self._partitions, self._rebalance = flow, partitions, rebalance
        self._report, self._watches, self._turn = report, tuple(watches), turn

    def run(
        self, stopping: Callable[[], bool], owns: Callable[[int], None], all_done: Callable[[], bool] | None
    ) -> bool:
        """Turn until stopped, or until caught up (True) where `all_done` says whether nothing of the group is left.

        `owns` gets the number of assigned partitions in each turn. NeedsOperator, TopicProblem, Rejoin, Fenced,
        KafkaException and RegistryUnavailable end it.
        """
        self._rebalance.join(self._partitions)
        caught_up = False
        try:
            while not (caught_up or stopping()):
                now = self._turn.note()
                for watch in self._watches:
                    watch.look()
                owns(len(self._rebalance.owned))
                self._flow.turn(now)
                self._rebalance.check()
                self._report.turn(now)
                caught_up = self._settled() and all_done is not None and self._flow.caught_up and all_done()
        except (NeedsOperator, TopicProblem):
            self._partitions.revoked(self._rebalance.owned)
            raise
        self._partitions.revoked(self._rebalance.owned)
        return caught_up

    def leave(self) -> None:
        """Refuse every later write; the group's callbacks do nothing any more, and its consumer can be closed."""
        self._rebalance.leave()
        self._report.end()
        self._turn.lease.give_up()
        self._partitions.leave()

    def _settled(self) -> bool:
        settled = self._rebalance.known and not self._partitions.restoring
        why = "partitions are being loaded" if self._rebalance.known else "waiting for the group to hand out partitions"
        self._turn.health.set_ready("assignment", settled, why)
        return settled
