"""What the broker checks of who writes, and what it does not, tried against our own pieces."""

import pytest
from confluent_kafka import Consumer, Producer

from processor.commit.transaction import Batch, Fenced, NotCommitted, Record
from schemas.topics import order_key
from tests.contract.place import SESSION, Place, has, one_row
from tests.harness.waiting import wait_until


class Remembering:
    """A member whose view of the group is the one it had before: a process that was stopped and wakes up."""

    def __init__(self, member: Consumer) -> None:
        self._metadata = member.consumer_group_metadata()

    def consumer_group_metadata(self) -> object:
        """As it was."""
        return self._metadata


def test_a_member_of_an_older_generation_writes_neither_rows_nor_offsets(place: Place) -> None:
    first, second = place.member(), place.consumer(None, **SESSION)
    wait_until(has(2, first), 60, "the first member has all")
    asleep = place.record(Remembering(first))
    second.subscribe([place.topics.journal])
    wait_until(has(1, second, first), 60, "the second has its part")
    wait_until(has(1, first, second), 60, "the first has the rest")
    with pytest.raises((NotCommitted, Fenced)):
        asleep.commit(one_row(place, 0), {0: place.partition(0, 5)}, 0)
    assert place.rows() == []
    assert place.committed() == {}
    place.record(first).commit(one_row(place, 0), {0: place.partition(0, 5)}, 0)  # today's generation is let in
    assert place.committed() == {0: 5}


def test_rows_without_offsets_would_slip_through_so_none_are_ever_written(place: Place) -> None:
    first, second = place.member(), place.consumer(None, **SESSION)
    wait_until(has(2, first), 60, "the first member has all")
    stale = Remembering(first)
    second.subscribe([place.topics.journal])
    wait_until(has(1, second, first), 60, "the second has its part")
    sender = place.producer(f"{place.prefix}-plain")
    sender.init_transactions(30)
    sender.begin_transaction()
    sender.produce(place.topics.deliveries, place.row(), order_key(1), partition=0)
    sender.commit_transaction(30)
    assert place.rows() == [(0, order_key(1))]  # the fact: nothing asked who wrote this
    batch = Batch(rows={1: (0, place.row()), 2: (1, place.row())}, touched={0})
    with pytest.raises(AssertionError, match=r"no offset for partitions \[1\]"):
        place.record(stale).commit(batch, {0: place.partition(0, 5)}, 0)
    assert place.rows() == [(0, order_key(1))]


def test_a_generation_is_not_ownership(place: Place) -> None:
    """The broker takes offsets for another member's partition: only our own dropping at revocation keeps them out."""
    first, second = place.member(), place.member()
    wait_until(has(1, second, first), 60, "each has one")
    wait_until(has(1, first, second), 60, "each has one")
    of_the_other = second.assignment()[0].partition
    place.record(first).commit(one_row(place, of_the_other), {of_the_other: place.partition(of_the_other, 3)}, 0)
    assert place.committed() == {of_the_other: 3}
    batch = one_row(place, of_the_other)
    batch.drop({of_the_other})
    assert not batch  # what membership.py does with what was given up


def test_a_fenced_writer_says_so_and_a_new_one_writes_the_same_batch(place: Place) -> None:
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    names: list[str] = []

    def make(name: str) -> Producer:
        names.append(name)
        return place.producer(name)

    record = Record(make, member, place.codec, place.topics, place.prefix)
    batch, partitions = one_row(place, 0), {0: place.partition(0, 1)}
    place.producer(names[0]).init_transactions(30)
    with pytest.raises(Fenced):
        record.commit(batch, partitions, 0)
    assert place.rows() == []
    Record(make, member, place.codec, place.topics, place.prefix).commit(batch, partitions, 0)
    assert place.rows() == [(0, order_key(1))]
    assert len(set(names)) == 2  # never the same id again
