"""What the broker checks of who writes, and what it does not, tried against our own pieces."""

from confluent_kafka import Consumer

from schemas.topics import order_key
from tests.contract.place import SESSION, Place, a_row, has, written
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
    asleep = place.commit(Remembering(first))
    asleep.assign(place.partition(0, 5))
    asleep.submit(a_row(place, 0))
    second.subscribe([place.topics.journal])
    wait_until(has(1, second, first), 60, "the second has its part")
    wait_until(has(1, first, second), 60, "the first has the rest")
    assert not written(asleep)
    assert place.rows() == []
    assert place.committed() == {}
    awake = place.commit(first)
    awake.assign(place.partition(0, 5))
    awake.submit(a_row(place, 0))
    assert written(awake), "today's generation is let in"
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
    for number in (0, 1):  # each row carries the offset of its partition, moved or not
        asleep = place.commit(stale)
        asleep.assign(place.partition(number, 5))
        asleep.submit(a_row(place, number, 2))
        assert not written(asleep)
    assert place.rows() == [(0, order_key(1))]


def test_a_generation_is_not_ownership(place: Place) -> None:
    """The broker takes offsets for another member's partition: only our own dropping at revocation keeps them out."""
    first, second = place.member(), place.member()
    wait_until(has(1, second, first), 60, "each has one")
    wait_until(has(1, first, second), 60, "each has one")
    of_the_other = second.assignment()[0].partition
    commit = place.commit(first)
    commit.assign(place.partition(of_the_other, 3))
    commit.submit(a_row(place, of_the_other))
    assert written(commit)
    assert place.committed() == {of_the_other: 3}
    commit.submit(a_row(place, of_the_other))
    assert not commit.idle
    commit.lose({of_the_other})
    assert commit.idle  # what the pipeline does with what was given up


def test_a_fenced_writer_says_so_and_a_new_one_writes_the_same_row(place: Place) -> None:
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    name = f"{place.prefix}-writer"
    fenced = place.commit(member, name)
    fenced.assign(place.partition(0, 1))
    fenced.submit(a_row(place, 0))
    place.producer(name).init_transactions(30)
    assert not written(fenced)
    assert place.rows() == []
    fresh = place.commit(member)
    fresh.assign(place.partition(0, 1))
    fresh.submit(a_row(place, 0))
    assert written(fresh)
    assert place.rows() == [(0, order_key(1))]
