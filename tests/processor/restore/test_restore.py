"""A partition is ready once all of it is known: an offset that no broker reported is asked for again."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from processor.errors import TopicReplaced
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.restore.restore import AGAIN_SECONDS, Restore
from processor.restore.topic_identity import TopicWatch
from runtime.compacted_reader import CompactedReader
from runtime.topic_identity import PartitionsChanged
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.topics import Topics, order_key
from tests.processor.entries import row

TOPICS = Topics("t")
CODEC = make_codec(TOPICS, None)
ROWS, COMMITTED, END = 23, 40, 50


class Kafka:
    """Ledgers of `rows` rows and a journal read up to `committed`.

    `ends` and `marks` are answers before the true ones. `hold` keeps the thread that asks waiting.
    """

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.marks: list[tuple[int, int]] = []
        self.rows, self.committed_at = ROWS, COMMITTED
        self.end_error: KafkaError | None = None
        self.true_marks = (0, END)
        self.topic_id = "T"
        self.committed_error: KafkaError | None = None
        self.bad_key = False
        self.hold = threading.Event()
        self.hold.set()
        self._loaded: list[Any] = []
        self._assigned: list[TopicPartition] = []

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: Any) -> "dict[TopicPartition, Future[Any]]":
        end: Future[Any] = Future()
        if self.end_error is not None:
            end.set_exception(KafkaException(self.end_error))
        else:
            end.set_result(SimpleNamespace(offset=self.ends.pop(0) if self.ends else self.rows))
        return dict.fromkeys(asked, end)

    def list_topics(self, *_: Any, **__: Any) -> None:
        """Nothing changes by it."""

    def describe_topics(self, _: Any, **__: Any) -> "dict[str, Future[Any]]":
        described: Future[Any] = Future()
        described.set_result(SimpleNamespace(name=TOPICS.journal, topic_id=self.topic_id, partitions=[]))
        return {TOPICS.journal: described}

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        assert self.hold.wait(30)
        metadata, error = Progress("T").encode(), self.committed_error
        at = self.committed_at
        return [SimpleNamespace(partition=one.partition, offset=at, metadata=metadata, error=error) for one in asked]

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        return self.marks.pop(0) if self.marks else self.true_marks

    def assignment(self) -> list[TopicPartition]:
        return list(self._assigned)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._assigned += partitions
        value = CODEC.encode(row())
        for number in sorted(one.partition for one in partitions):
            for offset in range(self.rows):
                key = b"no order" if self.bad_key and offset == 0 else order_key(offset + 1)
                self._loaded.append(_message(number, offset, key, value))
            self._loaded.append(_message(number, self.rows, None, None, KafkaError._PARTITION_EOF))

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        gone = {one.partition for one in partitions}
        self._assigned = [one for one in self._assigned if one.partition not in gone]
        self._loaded = [message for message in self._loaded if message.partition() not in gone]

    def consume(self, count: int, seconds: float) -> list[Any]:
        loaded, self._loaded = self._loaded[:count], self._loaded[count:]
        return loaded


def _message(partition: int, offset: int, key: bytes | None, value: bytes | None, code: int | None = None) -> Any:
    error = SimpleNamespace(code=lambda: code) if code is not None else None
    return SimpleNamespace(
        partition=lambda: partition, offset=lambda: offset, key=lambda: key, value=lambda: value, error=lambda: error
    )


class Place:
    """A Restore on a simulated clock; its questions are waited for between the turns."""

    def __init__(self, ledger: Ledger) -> None:
        self.now, self.kafka, self.ledger = 1000.0, Kafka(), ledger
        kafka: Any = self.kafka
        identity = TopicWatch(kafka, TOPICS, 6, lambda: self.now)
        self.restore = Restore(kafka, kafka, TOPICS, CompactedReader(kafka, kafka, TOPICS.deliveries), ledger, identity)

    def begin(self, *numbers: int) -> None:
        self.restore.begin(set(numbers), self.now)

    def poll(self, seconds: float = AGAIN_SECONDS) -> list[Partition]:
        """One turn; whoever waits for an answer has it before the next one."""
        self.now += seconds
        ready = list(self.restore.poll(self.now))
        if self.kafka.hold.is_set():
            if self.restore._asked is not None:
                self.restore._asked[0].exception(30)
        return ready

    def turns_until_ready(self, most: int = 60) -> tuple[int, list[Partition]]:
        for turn in range(most):
            if ready := self.poll():
                return turn, ready
        raise AssertionError(f"not ready after {most} turns")


@pytest.fixture
def place() -> Iterator[Place]:
    found = Place(Ledger(CODEC))
    yield found
    found.kafka.hold.set()
    found.restore.close()
    found.ledger.close()


def asked_for_positions(place: Place) -> None:
    """Begin with a partition, up to the question for its committed offset, which has no answer yet."""
    place.kafka.hold.clear()
    place.begin(0)
    while place.restore._asked is None:
        place.poll()


def test_a_partition_is_ready_with_its_rows_at_its_committed_offset(place: Place) -> None:
    place.begin(3)
    assert place.restore.loading
    _, (ready,) = place.turns_until_ready()
    assert ready == Partition(3, "T", 1000.0, COMMITTED, Progress("T"), rows=ROWS)
    assert place.ledger.get(3, ROWS) == row()
    assert not place.restore.loading
    assert place.kafka.assignment() == []


def test_several_partitions_are_loaded_side_by_side(place: Place) -> None:
    place.begin(0, 1)
    place.begin(4)
    found: list[Partition] = []
    while place.restore.loading:
        found += place.turns_until_ready()[1]
    assert sorted((one.number, one.rows) for one in found) == [(0, ROWS), (1, ROWS), (4, ROWS)]


@pytest.mark.parametrize("ends", [[OFFSET_INVALID] * 2, [ROWS, *[OFFSET_INVALID] * 2]])
def test_a_ledger_whose_end_was_not_reported_is_not_ready_before_its_rows_are_there(
    place: Place, ends: list[int]
) -> None:
    plainly, _ = _turns(place)
    place.kafka.ends = ends
    late, (ready,) = _turns(place)
    assert late > plainly
    assert (ready.rows, ready.position) == (ROWS, COMMITTED)


@pytest.mark.parametrize("marks", [(OFFSET_INVALID, END), (0, OFFSET_INVALID)])
def test_a_journal_whose_ends_were_not_reported_is_neither_a_new_one_nor_without_a_gap(
    place: Place, marks: tuple[int, int]
) -> None:
    plainly, _ = _turns(place)
    place.kafka.marks = [marks]
    late, (ready,) = _turns(place)
    assert late > plainly
    assert ready.position == COMMITTED
    assert ready.progress.gap is None


def test_offsets_that_an_open_transaction_hides_are_asked_for_again(place: Place) -> None:
    place.kafka.committed_error = KafkaError(KafkaError._TIMED_OUT)
    place.begin(0)
    assert [place.poll() for _ in range(6)] == [[]] * 6
    place.kafka.committed_error = None
    _, (ready,) = place.turns_until_ready()
    assert ready.position == COMMITTED


def test_rows_that_came_after_the_end_was_asked_for_are_loaded_before_it_is_ready(place: Place) -> None:
    """A transaction that was waited for may have written its rows last."""
    asked_for_positions(place)
    place.kafka.rows = ROWS + 1
    place.kafka.hold.set()
    assert [place.poll() for _ in range(5)] == [[]] * 5, "its ledger ends further on"
    value = CODEC.encode(row())
    place.kafka._loaded += [
        _message(0, ROWS, order_key(ROWS + 1), value),
        _message(0, ROWS + 1, None, None, KafkaError._PARTITION_EOF),
    ]
    _, (ready,) = place.turns_until_ready()
    assert ready.rows == ROWS + 1


def test_a_ledger_whose_end_is_not_known_is_waited_for(place: Place) -> None:
    place.kafka.end_error = KafkaError(KafkaError._TIMED_OUT)
    place.begin(0)
    assert [place.poll() for _ in range(6)] == [[]] * 6
    place.kafka.end_error = None
    _, (ready,) = place.turns_until_ready()
    assert ready.rows == ROWS


def test_polling_never_waits_for_the_broker(place: Place) -> None:
    """Questions about many partitions added up to more than the lease when they were asked on the loop's thread."""
    place.kafka.hold.clear()
    place.begin(0, 1, 2, 3, 4, 5)
    assert [place.poll() for _ in range(10)] == [[]] * 10
    place.kafka.hold.set()
    _, ready = place.turns_until_ready()
    assert len(ready) == 6


def test_an_answer_about_a_partition_that_was_taken_away_meanwhile_makes_nothing_ready(place: Place) -> None:
    asked_for_positions(place)
    place.restore.drop({0})
    assert not place.restore.loading
    place.begin(0)
    place.kafka.committed_at = COMMITTED + 5
    place.kafka.hold.set()
    _, (ready,) = place.turns_until_ready()
    assert ready.position == COMMITTED + 5


def test_a_partition_taken_away_while_it_was_loaded_is_loaded_from_the_start_when_it_comes_back(place: Place) -> None:
    place.kafka.ends = [OFFSET_INVALID] * 2
    place.begin(0)
    place.poll()
    place.restore.drop({0})
    assert place.kafka.assignment() == []
    _, (ready,) = _turns(place)
    assert ready.rows == ROWS


@pytest.mark.parametrize(("committed", "rows", "lost"), [(40, 0, True), (40, 23, False), (0, 0, False), (-1, 0, False)])
def test_rows_are_lost_where_entries_were_done_and_none_is_left(
    place: Place, committed: int, rows: int, lost: bool
) -> None:
    place.kafka.committed_at, place.kafka.rows = committed, rows
    _, (ready,) = _turns(place)
    assert ready.rows_lost is lost


def test_a_row_without_an_order_id_is_left_out(place: Place) -> None:
    place.kafka.bad_key = True
    _, (ready,) = _turns(place)
    assert ready.rows == ROWS - 1


def test_a_gap_is_counted_from_the_newest_row_where_the_commit_has_no_time(place: Place) -> None:
    place.kafka.true_marks = (COMMITTED + 2, END)
    _, (ready,) = _turns(place)
    assert ready.position == COMMITTED + 2
    assert ready.new_gap
    gap = ready.progress.gap
    assert gap is not None and 0 < gap.since < row().delivered_at.timestamp()


def test_a_partition_that_the_journal_did_not_have_needs_a_person(place: Place) -> None:
    with pytest.raises(PartitionsChanged, match="had 6"):
        place.begin(6)


def test_a_journal_that_was_recreated_since_it_was_joined_ends_the_membership(place: Place) -> None:
    _turns(place)
    place.kafka.topic_id = "another"
    with pytest.raises(TopicReplaced):
        _turns(place, 1)


def test_closing_waits_for_the_question_under_way(place: Place) -> None:
    """It is asked through the member's consumer, which must not be closed under it."""
    asked_for_positions(place)
    closing = threading.Thread(target=place.restore.close)
    closing.start()
    assert place.restore._asked is not None
    question = place.restore._asked[0]
    place.kafka.hold.set()
    closing.join(30)
    assert question.done()


def _turns(place: Place, number: int = 0) -> tuple[int, list[Partition]]:
    place.restore.drop({number})
    place.begin(number)
    return place.turns_until_ready()
