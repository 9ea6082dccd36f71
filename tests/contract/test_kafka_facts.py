"""What the broker checks and what it does not: each promise of design §3 that rests on it, tried against our pieces."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.assignment import Assignment, Partition
from processor.consume import HIGH, Intake, Overtaken
from processor.ledger import Ledger
from processor.record import Batch, Fenced, NotCommitted, Record
from processor.tracker import OffsetTracker
from schemas.codec import Codec, make_codec
from schemas.progress import Gap, Progress, read_progress
from schemas.records import Delivery, Outcome
from schemas.topics import Topics, ensure_topics, order_key, topic_id
from tests.programs import read_whole, wait_until

PARTITIONS = 2
SESSION: dict[str, Any] = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}


@dataclass(slots=True)
class Place:
    """Topics of its own, a group, and what the programs are made of."""

    kafka: str
    prefix: str
    stack: ExitStack
    topics: Topics = field(init=False)
    admin: AdminClient = field(init=False)
    codec: Codec = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics(self.prefix)
        self.admin = AdminClient({"bootstrap.servers": self.kafka})
        self.codec = make_codec(self.topics, None)
        ensure_topics(self.admin, self.topics, PARTITIONS, seconds=30.0)

    def consumer(self, group: str | None = None, **over: Any) -> Consumer:
        """One that subscribes to nothing yet."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": group or self.prefix,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                **over,
            }
        )
        self.stack.callback(consumer.close)
        return consumer

    def member(self) -> Consumer:
        """One that joins the group."""
        consumer = self.consumer(None, **SESSION)
        consumer.subscribe([self.topics.journal])
        return consumer

    def producer(self, name: str) -> Producer:
        """A transactional one, as the programs have it."""
        return Producer({"bootstrap.servers": self.kafka, "transactional.id": name, "transaction.timeout.ms": 10_000})

    def record(self, member: Any) -> Record:
        """What writes rows and offsets for a member."""
        return Record(self.producer, member, self.codec, self.topics, self.prefix)

    def partition(self, number: int, position: int = 0, **progress: Any) -> Partition:
        """An owned partition of the journal, worked on up to an offset."""
        identity = topic_id(self.admin, self.topics.journal)
        return Partition(number, identity, 0.0, OffsetTracker(position), Progress(identity, **progress))

    def row(self, event_id: str = "event") -> bytes:
        """A row of a delivered order."""
        now = datetime.now(UTC)
        return self.codec.encode(
            Delivery(Outcome.DELIVERED, "created", False, 0, "topic", 1, "contact", event_id, None, now)
        )

    def rows(self) -> list[tuple[int | None, Any]]:
        """Partition and key of every committed row."""
        return [(message.partition(), message.key()) for message in read_whole(self.kafka, self.topics.deliveries)]

    def committed(self) -> dict[int, int]:
        """The group's offsets."""
        asked = [TopicPartition(self.topics.journal, number) for number in range(PARTITIONS)]
        return {one.partition: one.offset for one in self.consumer().committed(asked, timeout=30) if one.offset >= 0}

    def entries(self, *partitions: int) -> None:
        """One journal message into each of these partitions."""
        plain = Producer({"bootstrap.servers": self.kafka})
        for number in partitions:
            plain.produce(self.topics.journal, b"an entry", b"1", partition=number)
        assert plain.flush(30) == 0

    def assignment(self, member: Consumer, ledger: Ledger) -> Assignment:
        """What makes partitions ready."""
        loader = self.consumer(f"{self.prefix}-ledger")
        return Assignment(member, loader, self.admin, ledger, self.topics, time.monotonic)


@pytest.fixture
def place(kafka: str, prefix: str) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(kafka, prefix, stack)


def has(number: int, member: Consumer, *others: Consumer) -> Callable[[], bool]:
    """Whether a member has so many partitions, when it and the others have polled once more."""

    def asked() -> bool:
        for one in (member, *others):
            one.poll(0.1)
        return len(member.assignment()) == number

    return asked


def until_ready(assignment: Assignment, number: int = 1) -> dict[int, Partition]:
    """Step on until so many partitions are ready."""
    ready: dict[int, Partition] = {}

    def stepped() -> bool:
        ready.update({one.number: one for one in assignment.step()})
        return len(ready) == number

    wait_until(stepped, 60, "partitions are ready")
    return ready


def one_row(place: Place, number: int, order_id: int = 1) -> Batch:
    """A batch with one row."""
    return Batch(rows={order_id: (number, place.row())}, touched={number})


class Away:
    """An AdminClient that times out at first."""

    def __init__(self, admin: AdminClient, times: int) -> None:
        self._admin, self._times = admin, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._admin, name)

    def list_offsets(self, asked: dict[TopicPartition, Any], **options: Any) -> Any:
        """Fail, or ask."""
        self._times -= 1
        if self._times < 0:
            return self._admin.list_offsets(asked, **options)
        time.sleep(1.5)  # meanwhile the loader comes to the end
        failed: Future[Any] = Future()
        failed.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return dict.fromkeys(asked, failed)


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


def test_the_ledger_is_read_to_its_true_end_past_an_open_transaction(place: Place) -> None:
    """Watermarks and end-of-partition stop at the last stable offset, in front of rows that are committed already."""
    open_one, done = place.producer(f"{place.prefix}-open"), place.producer(f"{place.prefix}-done")
    for one in (open_one, done):
        one.init_transactions(30)
        one.begin_transaction()
    open_one.produce(place.topics.deliveries, place.row(), order_key(1), partition=0)
    open_one.flush(30)
    done.produce(place.topics.deliveries, place.row("late"), order_key(2), partition=0)
    done.commit_transaction(30)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    _, seen = member.get_watermark_offsets(TopicPartition(place.topics.deliveries, 0), timeout=30)
    assert seen == 0  # the fact
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert assignment.step() == []
    open_one.abort_transaction(30)
    until_ready(assignment)
    row = ledger.get(0, 2)
    assert row is not None and row.event_id == "late"
    assert ledger.get(0, 1) is None
    ledger.close()


def test_offsets_of_an_open_transaction_are_waited_for_and_not_guessed(place: Place) -> None:
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    dying = place.producer(f"{place.prefix}-dying")
    dying.init_transactions(30)
    dying.begin_transaction()
    told = Progress(topic_id(place.admin, place.topics.journal)).encode()
    offsets = [TopicPartition(place.topics.journal, 0, 2, told)]
    dying.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 30)
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    for _ in range(2):
        assert assignment.step() == []
    dying.commit_transaction(30)
    ready = until_ready(assignment)
    assert ready[0].tracker.committable == 2
    ledger.close()


def test_rows_of_a_transaction_that_was_waited_for_are_loaded_wherever_they_lie(place: Place) -> None:
    """Its offsets may reach the broker before its rows: then the rows lie after the end that was asked for first."""
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    late = place.producer(f"{place.prefix}-late")
    late.init_transactions(30)
    late.begin_transaction()
    told = Progress(topic_id(place.admin, place.topics.journal)).encode()
    late.send_offsets_to_transaction(
        [TopicPartition(place.topics.journal, 0, 2, told)], member.consumer_group_metadata(), 30
    )
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    for _ in range(2):
        assert assignment.step() == []
    late.produce(place.topics.deliveries, place.row("late"), order_key(2), partition=0)
    late.commit_transaction(30)
    until_ready(assignment)
    row = ledger.get(0, 2)
    assert row is not None and row.event_id == "late"
    ledger.close()


def test_a_broker_that_does_not_answer_at_first_delays_an_assignment_and_does_not_stall_it(place: Place) -> None:
    """The end of a partition is told once: it must not be forgotten while the ledger's own end is still unknown."""
    sender = place.producer(f"{place.prefix}-rows")
    sender.init_transactions(30)
    sender.begin_transaction()
    sender.produce(place.topics.deliveries, place.row(), order_key(1), partition=0)
    sender.commit_transaction(30)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    loader = place.consumer(f"{place.prefix}-ledger")
    away = Away(place.admin, times=2)
    assignment = Assignment(member, loader, away, ledger, place.topics, time.monotonic)  # type: ignore[arg-type]
    assignment.begin({0})
    until_ready(assignment)
    assert ledger.get(0, 1) is not None
    ledger.close()


def test_entries_that_expire_under_a_member_that_waits_are_noticed_before_it_goes_on(place: Place) -> None:
    """The client itself goes on at the new beginning without a word."""
    plain = Producer({"bootstrap.servers": place.kafka})
    for _ in range(3 * HIGH):
        plain.produce(place.topics.journal, b"an entry", b"1", partition=0)
    assert plain.flush(30) == 0
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    intake = Intake(member, place.codec, place.topics.journal, time.monotonic)
    wait_until(lambda: _sought(member, place.topics.journal), 30, "the partition can be sought in")
    intake.open(0, 0, 0)
    wait_until(lambda: intake.poll(0.1) or intake.queued() >= HIGH, 60, "the queue is full")
    for _ in range(20):  # what the client holds already
        intake.poll(0.1)
    for future in place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3 * HIGH - 5)]).values():
        future.result()
    member.seek(TopicPartition(place.topics.journal, 0, intake.queued()))  # nothing of it is held any more
    with pytest.raises(Overtaken, match=f"begins at {3 * HIGH - 5}"):
        for _ in range(200):
            intake.take(500, 0.0)
            intake.poll(0.1)


def test_entries_that_were_done_without_a_row_left_are_told_as_lost_rows(place: Place) -> None:
    """The ledger's topic was deleted: an intent may have been in it, and a create on that may still be alive."""
    place.entries(0, 0, 1)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    place.record(member).commit(Batch(touched={0}), {0: place.partition(0, 1)}, 0)
    assignment = place.assignment(member, ledger)
    assignment.begin({0, 1})
    ready = until_ready(assignment, 2)
    assert (ready[0].rows_lost, ready[1].rows_lost) == (True, False)
    ledger.close()


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


def test_entries_that_expired_unread_are_a_gap_since_the_last_commit(place: Place) -> None:
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    place.record(member).commit(Batch(touched={0}), {0: place.partition(0, 1)}, 0)
    deleted = place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3)])
    for future in deleted.values():
        future.result()
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    ready = until_ready(assignment)
    assert ready[0].tracker.committable == 3
    assert ready[0].must_tell
    gap = ready[0].progress.gap
    assert gap is not None
    kept = timedelta(days=33).total_seconds()  # what lay there unread at that time may be as old as the topic keeps
    assert abs(gap.since + kept - time.time()) < 600
    place.record(member).commit(Batch(touched={0}), {0: ready[0]}, 0)
    asked = [TopicPartition(place.topics.journal, 0)]
    metadata = member.committed(asked, timeout=30)[0].metadata
    progress = read_progress(metadata)
    assert progress is not None and progress.gap == gap  # where the producer finds it
    ledger.close()


def test_a_group_without_offsets_on_a_topic_that_lost_its_beginning_is_a_gap_since_the_first_start(
    place: Place,
) -> None:
    place.entries(0, 0)
    for future in place.admin.delete_records([TopicPartition(place.topics.journal, 0, 1)]).values():
        future.result()
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    assignment = place.assignment(member, ledger)
    assignment.begin({0, 1})
    ready = until_ready(assignment, 2)
    assert ready[0].tracker.committable == 1
    assert isinstance(ready[0].progress.gap, Gap) and ready[0].progress.gap.since == 0
    assert ready[1].progress.gap is None and ready[1].tracker.committable == 0
    ledger.close()


def test_the_broker_names_a_timed_out_committed_as_an_error_and_not_as_no_offset(place: Place) -> None:
    """`committed` on an open transaction raises: were it to answer -1, everything would be read again from 0."""
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    dying = place.producer(f"{place.prefix}-dying")
    dying.init_transactions(30)
    dying.begin_transaction()
    offsets = [TopicPartition(place.topics.journal, 0, 2)]
    dying.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 30)
    with pytest.raises(KafkaException):
        member.committed([TopicPartition(place.topics.journal, 0)], timeout=1.0)
    dying.abort_transaction(30)


def _sought(member: Consumer, topic: str) -> bool:
    """Go to a partition's beginning; False while the client has only begun to take it over."""
    try:
        member.seek(TopicPartition(topic, 0, 0))
    except KafkaException:
        return False
    return True
