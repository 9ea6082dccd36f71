"""The group's callbacks: what is walked, in which order, and what is told to Kafka's client; eager and cooperative."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from processor.consume.rebalance import Rebalance
from processor.errors import NeedsOperator
from runtime.assignment_known import AssignmentKnown
from runtime.settings import load_settings

SETTINGS = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "nowhere:9092"}, None, need="kafka")


class Group:
    """The consumer and the walks in one list of what was asked of them; `fails` = the walk that raises."""

    def __init__(self, cooperative: bool = False) -> None:
        self.asked: list[tuple[str, list[int]]] = []
        self.callbacks: dict[str, Callable[[Any, list[TopicPartition]], None]] = {}
        self.fails: dict[str, Exception] = {}
        self.known = AssignmentKnown(SETTINGS)
        self.rebalance = Rebalance(self, "t.journal", self.known, cooperative)  # type: ignore[arg-type]
        self.rebalance.join(self)

    def subscribe(self, topics: list[str], **callbacks: Callable[[Any, list[TopicPartition]], None]) -> None:
        assert topics == ["t.journal"]
        self.callbacks = callbacks

    def call(self, name: str, *numbers: int) -> None:
        """What Kafka's client does within a poll."""
        self.callbacks[name](self, [TopicPartition("t.journal", number) for number in numbers])

    def assigned(self, partitions: set[int]) -> None:
        self._walk("assigned", partitions)

    def revoked(self, partitions: set[int]) -> None:
        self._walk("revoked", partitions)

    def lost(self, partitions: set[int]) -> None:
        self._walk("lost", partitions)

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._note("assign", partitions)

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._note("pause", partitions)

    def unassign(self) -> None:
        self.asked.append(("unassign", []))

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._note("incremental_assign", partitions)

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self._note("incremental_unassign", partitions)

    def _walk(self, name: str, partitions: set[int]) -> None:
        self.asked.append((name, sorted(partitions)))
        if name in self.fails:
            raise self.fails[name]

    def _note(self, name: str, partitions: list[TopicPartition]) -> None:
        self.asked.append((name, sorted(one.partition for one in partitions)))


@pytest.mark.parametrize(
    ("cooperative", "callback", "asked", "owned", "known"),
    [
        (False, "on_revoke", [("revoked", [0, 1]), ("unassign", [])], set(), False),
        (False, "on_lost", [("lost", [0, 1]), ("unassign", [])], set(), False),
        (True, "on_revoke", [("revoked", [0]), ("incremental_unassign", [0])], {1}, True),
        (True, "on_lost", [("lost", [0]), ("incremental_unassign", [0])], {1}, False),
    ],
)
def test_partitions_are_worked_off_before_they_are_given_up(
    cooperative: bool, callback: str, asked: list[tuple[str, list[int]]], owned: set[int], known: bool
) -> None:
    group = Group(cooperative)
    group.call("on_assign", 0, 1)
    assign = "incremental_assign" if cooperative else "assign"
    assert group.asked == [(assign, [0, 1]), ("pause", [0, 1]), ("assigned", [0, 1])]
    assert (group.rebalance.owned, group.rebalance.known) == ({0, 1}, True)
    group.asked.clear()
    group.call(callback, *asked[0][1])
    assert group.asked == asked
    assert (group.rebalance.owned, group.rebalance.known) == (owned, known)
    group.rebalance.check()


def test_a_member_without_partitions_knows_that_it_has_none() -> None:
    group = Group()
    assert not group.rebalance.known
    group.call("on_assign")
    assert group.rebalance.known
    assert group.rebalance.owned == set()


@pytest.mark.parametrize("callback", ["on_revoke", "on_lost"])
def test_what_a_walk_raises_is_kept_for_the_loop_and_the_partitions_are_given_up_all_the_same(callback: str) -> None:
    group = Group()
    group.call("on_assign", 0)
    group.fails = {"revoked": NeedsOperator("first"), "lost": NeedsOperator("first")}
    group.call(callback, 0)
    assert group.asked[-1] == ("unassign", [])
    assert group.rebalance.owned == set()
    group.fails = {"assigned": NeedsOperator("second")}
    group.call("on_assign", 1)
    with pytest.raises(NeedsOperator, match="first"):
        group.rebalance.check()


def test_after_leaving_nothing_is_worked_off_any_more() -> None:
    group = Group()
    group.call("on_assign", 0)
    group.rebalance.leave()
    group.asked.clear()
    group.call("on_revoke", 0)
    group.call("on_lost", 0)
    assert group.asked == []
