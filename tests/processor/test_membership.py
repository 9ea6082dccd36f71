"""One membership: turned until it may end, and what is done with the work in hand, however it ends."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor.deliver.lease import Lease
from processor.errors import LeaseLost, NeedsOperator, Overtaken
from processor.membership import Membership, Turn
from runtime.health import Health
from runtime.topic_identity import PartitionsChanged
from runtime.transaction import Fenced

REVOKED = ("revoked", [0, 1])


class Place:
    """A membership of parts that note what they are asked; partitions 0 and 1 are assigned.

    `raises` = what a part meets; it has caught up from turn `caught_up_at` on.
    """

    def __init__(self, caught_up_at: int = 10**6) -> None:
        self.asked: list[Any] = []
        self.shares: list[int] = []
        self.raises: dict[str, Exception] = {}
        self.now, self.turns, self.caught_up_at, self.health = 1000.0, 0, caught_up_at, Health()
        self.lease = Lease(10.0, lambda: self.now)
        flow: Any = SimpleNamespace(turn=self._turn, caught_up=False)
        partitions: Any = SimpleNamespace(restoring=False, revoked=self._revoked, leave=self._note("asks nothing more"))
        rebalance: Any = SimpleNamespace(
            owned={0, 1},
            known=True,
            join=lambda walks: self.asked.append("joins"),
            check=lambda: self._meets("check"),
            leave=self._note("callbacks end"),
        )
        report: Any = SimpleNamespace(turn=lambda now: None, end=self._note("report ends"))
        watch: Any = SimpleNamespace(look=lambda: self._meets("watch"))
        self.flow, self.partitions, self.rebalance = flow, partitions, rebalance
        self.membership = Membership(flow, partitions, rebalance, report, [watch], Turn(self.lease, self.health))

    def run(self, turns: int = 5, all_done: bool | None = None) -> bool:
        """Run, stopped after so many turns; `all_done` = what the group says, None = nobody asks."""
        done = None if all_done is None else (lambda: bool(all_done))
        return self.membership.run(lambda: self.turns >= turns, self.shares.append, done)

    def _turn(self, now: float) -> None:
        assert now == self.now
        self.turns += 1
        self.flow.caught_up = self.turns >= self.caught_up_at
        self._meets("turn")

    def _meets(self, where: str) -> None:
        if where in self.raises:
            raise self.raises[where]

    def _revoked(self, numbers: set[int]) -> None:
        self.asked.append(("revoked", sorted(numbers)))

    def _note(self, what: str) -> Any:
        return lambda: self.asked.append(what)


def name_of(error: Exception) -> str:
    return type(error).__name__


def test_stopped_it_gives_its_partitions_up_in_order() -> None:
    place = Place()
    assert not place.run(turns=3)
    assert place.turns == 3
    assert place.asked == ["joins", REVOKED]


def test_each_turn_says_how_many_partitions_its_share_of_the_requests_is_for() -> None:
    place = Place()
    place.run(turns=3)
    assert place.shares == [2, 2, 2]


@pytest.mark.parametrize(
    ("caught_up_at", "all_done", "ends"), [(3, True, True), (3, False, False), (3, None, False), (9, True, False)]
)
def test_it_ends_by_itself_once_it_has_caught_up_and_nothing_of_the_group_is_left(
    caught_up_at: int, all_done: bool | None, ends: bool
) -> None:
    place = Place(caught_up_at)
    assert place.run(turns=5, all_done=all_done) is ends
    assert place.turns == (3 if ends else 5)
    assert place.asked[-1] == REVOKED


@pytest.mark.parametrize(("known", "restoring"), [(False, False), (True, True)])
def test_it_has_not_caught_up_before_it_knows_its_partitions_and_has_restored_them(
    known: bool, restoring: bool
) -> None:
    place = Place(caught_up_at=1)
    place.rebalance.known, place.partitions.restoring = known, restoring
    assert not place.run(all_done=True)
    assert place.health.ready()["assignment"] != "ok"


@pytest.mark.parametrize("where", ["watch", "turn", "check"])
@pytest.mark.parametrize("error", [NeedsOperator("why"), PartitionsChanged("why")], ids=name_of)
def test_where_a_person_is_needed_what_has_an_outcome_is_committed_first(where: str, error: Exception) -> None:
    place = Place()
    place.raises[where] = error
    with pytest.raises(type(error), match="why"):
        place.run()
    assert place.asked == ["joins", REVOKED]


@pytest.mark.parametrize(
    "error",
    [Overtaken("gone"), Fenced("by another"), LeaseLost("asleep"), KafkaException(KafkaError(KafkaError._FATAL))],
    ids=name_of,
)
def test_where_nothing_may_be_written_any_more_nothing_is_committed(error: Exception) -> None:
    place = Place()
    place.raises["turn"] = error
    with pytest.raises(type(error)):
        place.run()
    assert place.asked == ["joins"]


def test_a_loop_that_stood_still_for_too_long_ends_it() -> None:
    place = Place()

    def slow(now: float) -> None:
        place.now += 11.0

    place.flow.turn = slow
    with pytest.raises(LeaseLost):
        place.run()
    assert place.asked == ["joins"]


def test_after_leaving_every_write_is_refused_and_the_consumer_can_be_closed() -> None:
    place = Place()
    place.run(turns=1)
    place.asked.clear()
    place.membership.leave()
    assert place.asked == ["callbacks end", "report ends", "asks nothing more"]
    with pytest.raises(LeaseLost):
        place.lease.check()
