"""The queues in front of the pipeline: order of taking, backpressure, expired entries, a registry that is down."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from processor.consume.source import (
    HIGH,
    LEVEL_SECONDS,
    LOW,
    LOW_MARK_EVERY_SECONDS,
    REGISTRY_PAUSE_SECONDS,
    Source,
)
from processor.errors import Overtaken
from processor.job import Entry
from processor.partition import Partition
from processor.values import Undecodable
from schemas.codec import RegistryUnavailable, make_codec
from schemas.progress import Progress
from schemas.records import JournalEntry, Origin
from schemas.topics import Topics, order_key
from tests.processor.entries import NOW

CODEC = make_codec(Topics("t"), None)


class Broker:
    """A consumer of two partitions: hands out what was put into it, and remembers where it was sent."""

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()
        self.marks = (0, 10**9)
        self.paused: set[int] = set()
        self.sought: list[tuple[int, int]] = []
        self.seek_fails = self.marks_fail = False
        self.asked_for_marks = 0

    def put(self, partition: int, offset: int, log_id: int | None = None, origin: Origin = Origin.JOURNAL) -> None:
        log_id = offset if log_id is None else log_id
        record = JournalEntry(log_id, 1, log_id, None, NOW, origin)
        self.messages.append(_message(partition, offset, order_key(log_id), CODEC.encode(record)))

    def end(self, partition: int) -> None:
        self.messages.append(_failure(partition, KafkaError(KafkaError._PARTITION_EOF)))

    def consume(self, count: int, seconds: float) -> list[Any]:
        came = [self.messages.popleft() for _ in range(min(count, len(self.messages)))]
        return came

    def seek(self, here: TopicPartition) -> None:
        if self.seek_fails:
            raise KafkaException(KafkaError(KafkaError._STATE))
        self.sought.append((here.partition, here.offset))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in partitions}

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in partitions}

    def get_watermark_offsets(self, _: TopicPartition, **options: Any) -> tuple[int, int]:
        if not options.get("cached"):
            self.asked_for_marks += 1
            if self.marks_fail:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return self.marks


class Place:
    """A source on a simulated clock; its answers about low marks are waited for, so nothing depends on a thread."""

    def __init__(self, *partitions: int, position: int = 0, replay_until: int = 0, codec: Any = CODEC) -> None:
        self.now, self.broker = 1000.0, Broker()
        self.source = Source(self.broker, codec, "t.journal")  # type: ignore[arg-type]
        for number in partitions:
            assert self.source.open(Partition(number, "T", 0.0, position, Progress("T", replay_until)))

    def take(self, room: int = 10**6, seconds: float = 0.0) -> list[Entry | Undecodable]:
        self.now += seconds
        found = list(self.source.poll(self.now, room, 0.0))
        self._answered()
        return found

    def taken(self, room: int = 10**6, seconds: float = 0.0) -> list[tuple[int, int]]:
        return [(one.raw.partition, one.raw.offset) for one in self.take(room, seconds)]

    def _answered(self) -> None:
        if self.source._asked is not None:
            self.source._asked[0].exception(30)


@pytest.fixture
def open_place() -> Iterator[Callable[..., Place]]:
    places: list[Place] = []

    def opened(*partitions: int, **given: Any) -> Place:
        places.append(Place(*partitions, **given))
        return places[-1]

    yield opened
    for place in places:
        place.source.close()


Opened = Callable[..., Place]


def test_a_partition_is_read_from_its_position_on(open_place: Opened) -> None:
    place = open_place(0, position=40)
    assert place.broker.sought == [(0, 40)]
    assert place.broker.paused == set()


def test_a_partition_that_is_not_fetched_yet_is_not_opened(open_place: Opened) -> None:
    place = open_place()
    place.broker.seek_fails = True
    assert not place.source.open(Partition(0, "T", 0.0, 0, Progress("T")))
    place.broker.put(0, 0)
    assert place.take() == []


def test_the_lowest_log_id_is_taken_first_and_each_partition_keeps_its_order(open_place: Opened) -> None:
    place = open_place(0, 1)
    for offset, log_id in enumerate((5, 1, 9)):
        place.broker.put(0, offset, log_id)
    for offset, log_id in enumerate((3, 7, 8)):
        place.broker.put(1, offset, log_id)
    place.broker.end(0)
    place.broker.end(1)
    assert place.taken() == [(1, 0), (0, 0), (0, 1), (1, 1), (1, 2), (0, 2)]


def test_a_backfilled_entry_waits_behind_the_live_ones_of_other_partitions(open_place: Opened) -> None:
    place = open_place(0, 1)
    place.broker.put(0, 0, 1, Origin.BACKFILL)
    place.broker.put(1, 0, 500)
    place.broker.end(0)
    place.broker.end(1)
    assert place.taken() == [(1, 0), (0, 0)]


def test_no_more_is_taken_than_there_is_room_for(open_place: Opened) -> None:
    place = open_place(0)
    for offset in range(5):
        place.broker.put(0, offset)
    place.broker.end(0)
    assert [len(place.take(room)) for room in (0, 2, 0, 10)] == [0, 2, 0, 3]


def test_entries_wait_a_moment_for_a_partition_whose_next_one_is_on_its_way(open_place: Opened) -> None:
    place = open_place(0, 1)
    place.broker.end(1)
    place.broker.put(0, 0, 50)
    assert place.taken() == [(0, 0)]
    place.broker.put(1, 0, 1)
    assert place.taken() == [], "the next one of partition 0 may have a lower log id"
    assert place.taken(seconds=LEVEL_SECONDS) == [(1, 0)]


def test_a_message_that_is_no_entry_is_handed_on_with_the_reason(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.messages.append(_message(0, 0, b"7", None))
    place.broker.messages.append(_message(0, 1, b"7", b"rubbish"))
    place.broker.end(0)
    assert [one.reason for one in place.take() if isinstance(one, Undecodable)] == ["empty_value", "undecodable"]


def test_entries_below_the_replay_mark_are_marked_as_replayed(open_place: Opened) -> None:
    place = open_place(0, replay_until=2)
    for offset in (1, 2):
        place.broker.put(0, offset)
    place.broker.end(0)
    assert [one.replayed for one in place.take() if isinstance(one, Entry)] == [True, False]


def test_a_full_queue_pauses_its_partition_until_most_of_it_was_taken(open_place: Opened) -> None:
    place = open_place(0, 1)
    for offset in range(HIGH):
        place.broker.put(0, offset)
    place.broker.end(1)
    place.take(0)
    place.take(0)
    assert place.broker.paused == {0}
    place.take(HIGH - LOW - 1)
    place.take(0)
    assert place.broker.paused == {0}
    place.take(1)
    place.take(0)
    assert place.broker.paused == set()


def test_nothing_is_taken_while_the_registry_is_unreachable_and_nothing_is_lost(open_place: Opened) -> None:
    down = [True]

    def decode(value: bytes, kind: Any) -> Any:
        if down[0]:
            raise RegistryUnavailable("no answer")
        return CODEC.decode(value, kind)

    place = open_place(0, codec=SimpleNamespace(decode=decode))
    for offset in range(3):
        place.broker.put(0, offset)
    place.broker.end(0)
    assert place.taken() == []
    down[0] = False
    assert place.taken() == [], "it is asked again after a pause only"
    assert place.taken(seconds=REGISTRY_PAUSE_SECONDS) == [(0, 0), (0, 1), (0, 2)]


def test_messages_of_a_revoked_partition_are_neither_handed_on_nor_filed(open_place: Opened) -> None:
    place = open_place(0, 1)
    for number in (0, 1):
        place.broker.put(number, 0, number)
        place.broker.end(number)
    place.take(0)
    place.source.revoke({0})
    place.broker.put(0, 1)
    assert place.taken() == [(1, 0)]
    assert place.source.at_end


def test_it_is_at_its_end_once_every_partition_is_and_nothing_waits(open_place: Opened) -> None:
    place = open_place(0, 1)
    place.broker.end(0)
    place.take()
    assert not place.source.at_end
    place.broker.end(1)
    place.take()
    assert place.source.at_end
    place.broker.put(0, 0)
    place.broker.end(0)
    place.take(0)
    assert not place.source.at_end
    place.take()
    assert place.source.at_end


@pytest.mark.parametrize(("end", "waiting"), [(OFFSET_INVALID, 0), (40, 0), (63, 23)])
def test_entries_wait_only_up_to_an_end_that_is_known(open_place: Opened, end: int, waiting: int) -> None:
    place = open_place(0, position=40)
    place.broker.marks = (0, end)
    assert place.source.waiting(0) == waiting


def test_what_waits_is_counted_whether_it_was_fetched_or_not(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.marks = (0, 10)
    place.broker.put(0, 0)
    place.broker.put(0, 1)
    place.take(0)
    assert place.source.waiting(0) == 10
    place.take(1)
    assert place.source.waiting(0) == 9
    assert place.source.waiting(1) == 0


def test_a_first_offset_that_was_not_reported_is_asked_for_again(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.marks = (OFFSET_INVALID, 2000)
    for offset in range(HIGH):
        place.broker.put(0, offset)
    for _ in range(3):
        place.take(0)
    assert place.broker.paused == {0}
    place.take(0, LOW_MARK_EVERY_SECONDS)
    place.broker.marks = (HIGH + 1, 2000)
    place.take(0)
    with pytest.raises(Overtaken, match=f"begins at {HIGH + 1} now; it was read up to {HIGH}"):
        for _ in range(3):
            place.take(0, LOW_MARK_EVERY_SECONDS)


def test_a_marker_between_two_entries_is_no_hole(open_place: Opened) -> None:
    place = open_place(0)
    for offset in (0, 2, 4):
        place.broker.put(0, offset)
    place.broker.end(0)
    assert place.taken() == [(0, 0), (0, 2), (0, 4)]
    assert place.broker.asked_for_marks == 0


def test_nothing_beyond_a_hole_is_taken_before_it_is_known_that_no_entry_is_gone(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.marks_fail = True
    place.broker.put(0, 5)
    place.broker.end(0)
    assert [place.taken() for _ in range(4)] == [[]] * 4, "the broker does not answer: asked again, and waited for"
    assert place.broker.asked_for_marks > 1
    place.broker.marks_fail, place.broker.marks = False, (0, 6)  # an aborted transaction lay there
    place.take(0)
    place.take(0)
    assert place.taken() == [(0, 5)]


def test_entries_that_expired_unread_end_the_membership_before_the_next_is_taken(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.marks = (5, 6)
    place.broker.put(0, 5)
    place.broker.end(0)
    assert place.taken() == []
    with pytest.raises(Overtaken, match="begins at 5 now; it was read up to 0"):
        place.take()


def test_an_answer_about_a_partition_that_was_revoked_meanwhile_goes_unheard(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.marks = (5, 6)
    place.broker.put(0, 5)
    place.take()
    place.source.revoke({0})
    assert place.source.open(Partition(0, "T", 0.0, 5, Progress("T")))
    place.broker.put(0, 5)
    place.broker.end(0)
    assert place.taken() == [(0, 5)]


def test_polling_never_waits_for_a_broker_that_does_not_report_the_ends(open_place: Opened) -> None:
    """Two seconds a question on the loop's thread, for each partition, added up to more than the lease."""
    place = open_place(0)
    answered: list[bool] = []

    def stuck(_: TopicPartition, **__: Any) -> tuple[int, int]:
        until = time.monotonic() + 30
        while not answered and time.monotonic() < until:
            time.sleep(0.001)
        return 0, 6

    place.broker.get_watermark_offsets = stuck  # type: ignore[method-assign]
    place.broker.put(0, 5)
    assert list(place.source.poll(place.now, 10, 0.0)) == []
    assert place.source._asked is not None and not place.source._asked[0].done()
    answered.append(True)


def test_a_fatal_error_of_the_client_is_raised_and_another_one_waited_out(open_place: Opened) -> None:
    place = open_place(0)
    place.broker.messages.append(_failure(0, KafkaError(KafkaError._ALL_BROKERS_DOWN)))
    place.broker.put(0, 0)
    place.broker.end(0)
    assert place.taken() == [(0, 0)]
    place.broker.messages.append(_failure(0, KafkaError(KafkaError._FATAL, "fenced", fatal=True)))
    with pytest.raises(KafkaException):
        place.take()


def _message(partition: int, offset: int, key: bytes | None, value: bytes | None) -> Any:
    return SimpleNamespace(
        partition=lambda: partition, offset=lambda: offset, key=lambda: key, value=lambda: value, error=lambda: None,
        headers=lambda: None, timestamp=lambda: (1, 0),
    )  # fmt: skip


def _failure(partition: int, error: KafkaError) -> Any:
    return SimpleNamespace(partition=lambda: partition, offset=lambda: None, error=lambda: error)
