"""A topic counts as read once the consumer came to the end that the brokers reported, and not before."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from runtime.compacted_reader import ASK_AGAIN_SECONDS, ASK_SECONDS, CompactedReader, Row


class Broker:
    """A topic in memory: `ends` = what the brokers report, or an error's code; None = no answer."""

    def __init__(self, **ends: int | None) -> None:
        self.ends: dict[int, int | None] = {int(name[1:]): end for name, end in ends.items()}
        self.came: list[Any] = []
        self.assigned: set[int] = set()
        self.asked = 0

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned |= {one.partition for one in partitions}

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self.assigned -= {one.partition for one in partitions}

    def consume(self, count: int, seconds: float) -> list[Any]:
        came, self.came = self.came[:count], self.came[count:]
        return came

    def list_offsets(self, asked: Any, **_: Any) -> dict[Any, Future[Any]]:
        self.asked += 1
        answers: dict[Any, Future[Any]] = {one: Future() for one in asked}
        for one, answer in answers.items():
            end = self.ends[one.partition]
            if end is not None and end < OFFSET_INVALID:
                answer.set_exception(KafkaException(KafkaError(end)))
            elif end is not None:
                answer.set_result(SimpleNamespace(offset=end))
        return answers

    def list_topics(self, **_: Any) -> None:
        """Nothing changes by it."""

    def row(self, number: int, offset: int, key: Any = b"k", value: Any = b"v") -> None:
        self._message(number, offset, key, value, None)

    def eof(self, number: int, offset: int) -> None:
        self.error(KafkaError._PARTITION_EOF, number, offset)

    def error(self, code: int, number: int = 0, offset: int = 0, fatal: bool = False) -> None:
        self._message(number, offset, None, None, KafkaError(code, "why", fatal=fatal))

    def _message(self, number: int, offset: int, key: Any, value: Any, error: Any) -> None:
        self.came.append(
            SimpleNamespace(
                partition=lambda: number, offset=lambda: offset, key=lambda: key, value=lambda: value,
                error=lambda: error,
            )
        )  # fmt: skip


def reader_of(broker: Any, *numbers: int) -> CompactedReader:
    reader = CompactedReader(broker, broker, "t")
    reader.open(numbers or [0])
    return reader


def test_rows_come_as_they_lie_and_a_tombstone_has_no_value() -> None:
    broker = Broker(p0=2)
    broker.row(0, 0)
    broker.row(0, 1, value=None)
    assert reader_of(broker).poll(100.0) == [Row(0, 0, b"k", b"v"), Row(0, 1, b"k", None)]


def test_an_end_behind_an_open_transaction_is_not_the_true_one() -> None:
    broker = Broker(p0=3)
    reader = reader_of(broker)
    broker.eof(0, 1)
    reader.poll(100.0)
    assert not reader.reached
    broker.row(0, 1)
    broker.eof(0, 3)
    assert reader.poll(101.0) == [Row(0, 1, b"k", b"v")]
    assert reader.reached


def test_an_empty_topic_is_read_once_the_consumer_says_so() -> None:
    broker = Broker(p0=0)
    reader = reader_of(broker)
    reader.poll(100.0)
    broker.eof(0, 0)
    reader.poll(101.0)
    assert reader.reached


@pytest.mark.parametrize("end", [OFFSET_INVALID, KafkaError._TIMED_OUT, KafkaError._NOENT])
def test_an_end_that_was_not_reported_is_asked_for_again(end: int) -> None:
    broker = Broker(p0=end)
    reader = reader_of(broker)
    broker.eof(0, 1)
    reader.poll(100.0)
    assert not reader.reached
    broker.ends[0] = 1
    reader.poll(100.0 + ASK_AGAIN_SECONDS / 2)
    assert broker.asked == 1
    reader.poll(100.0 + ASK_AGAIN_SECONDS)
    assert reader.reached


def test_a_question_that_is_never_answered_is_asked_again() -> None:
    broker = Broker(p0=None)
    reader = reader_of(broker)
    broker.eof(0, 1)
    reader.poll(100.0)
    broker.ends[0] = 1
    reader.poll(100.0 + ASK_SECONDS)
    assert broker.asked == 1
    reader.poll(100.0 + 2 * ASK_SECONDS)
    assert reader.reached


def test_each_partition_has_an_end_of_its_own() -> None:
    broker = Broker(p0=1, p4=2)
    reader = reader_of(broker, 0, 4)
    broker.eof(0, 1)
    broker.eof(4, 1)
    reader.poll(100.0)
    assert (reader.has_reached(0), reader.has_reached(4), reader.reached) == (True, False, False)
    reader.drop([4])
    assert reader.reached
    assert broker.assigned == {0}


def test_a_partition_that_was_dropped_and_opened_again_is_read_from_its_beginning() -> None:
    broker = Broker(p0=1)
    reader = reader_of(broker)
    broker.eof(0, 1)
    reader.poll(100.0)
    reader.drop([0])
    broker.eof(0, 1)  # came for the assignment before
    reader.poll(101.0)
    reader.open([0])
    reader.poll(102.0)
    assert not reader.reached


def test_an_end_can_be_asked_for_again_and_an_older_answer_does_not_count() -> None:
    broker = Broker(p0=None)
    reader = reader_of(broker)
    broker.eof(0, 1)
    reader.poll(100.0)
    reader.ask_again([0])
    broker.ends[0] = 2
    reader.poll(100.0 + ASK_AGAIN_SECONDS)
    assert not reader.reached
    broker.eof(0, 2)
    reader.poll(102.0)
    assert reader.reached


def test_an_error_that_passes_changes_nothing_and_a_fatal_one_is_raised() -> None:
    broker = Broker(p0=1)
    reader = reader_of(broker)
    broker.error(KafkaError._TRANSPORT)
    broker.row(0, 0)
    assert reader.poll(100.0) == [Row(0, 0, b"k", b"v")]
    broker.error(KafkaError._FATAL, fatal=True)
    with pytest.raises(KafkaException):
        reader.poll(101.0)
