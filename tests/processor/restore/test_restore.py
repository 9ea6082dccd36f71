"""A partition is ready once all of it is known: an offset that no broker reported is asked for again."""

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, TopicPartition

from processor.restore.ledger import Ledger
from processor.restore.restore import Assignment
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.topics import Topics, order_key
from tests.processor.entries import row

TOPICS = Topics("t")
CODEC = make_codec(TOPICS, None)
ROWS, COMMITTED, END = 23, 40, 50


class Kafka:
    """A ledger of ROWS rows and a journal read up to COMMITTED; `ends` and `marks` are answers before the true ones."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.marks: list[tuple[int, int]] = []
        self._loaded: list[Any] = []
        self._assigned: list[TopicPartition] = []

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: Any) -> "dict[TopicPartition, Future[Any]]":
        end: Future[Any] = Future()
        end.set_result(SimpleNamespace(offset=self.ends.pop(0) if self.ends else ROWS))
        return dict.fromkeys(asked, end)

    def list_topics(self, *_: Any, **__: Any) -> None:
        """Nothing changes by it."""

    def describe_topics(self, _: Any, **__: Any) -> "dict[str, Future[Any]]":
        described: Future[Any] = Future()
        described.set_result(SimpleNamespace(name=TOPICS.journal, topic_id="T", partitions=[]))
        return {TOPICS.journal: described}

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        told = Progress("T").encode()
        return [SimpleNamespace(partition=one.partition, offset=COMMITTED, metadata=told, error=None) for one in asked]

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        return self.marks.pop(0) if self.marks else (0, END)

    def assignment(self) -> list[TopicPartition]:
        return self._assigned

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._assigned = partitions
        value = CODEC.encode(row())
        self._loaded = [_message(number, order_key(number + 1), value) for number in range(ROWS)]
        self._loaded.append(_message(ROWS, None, None, KafkaError._PARTITION_EOF))

    def incremental_unassign(self, _: list[TopicPartition]) -> None:
        self._assigned = []

    def consume(self, count: int, seconds: float) -> list[Any]:
        loaded, self._loaded = self._loaded, []
        return loaded


def _message(offset: int, key: bytes | None, value: bytes | None, code: int | None = None) -> Any:
    error = SimpleNamespace(code=lambda: code) if code is not None else None
    return SimpleNamespace(
        partition=lambda: 0, offset=lambda: offset, key=lambda: key, value=lambda: value, error=lambda: error
    )


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    found = Ledger(CODEC)
    yield found
    found.close()


@pytest.mark.parametrize("ends", [[OFFSET_INVALID], [ROWS, OFFSET_INVALID]])
def test_a_ledger_whose_end_was_not_reported_is_not_ready_before_its_rows_are_there(
    ledger: Ledger, ends: list[int]
) -> None:
    kafka: Any = Kafka()
    kafka.ends = ends
    assignment = Assignment(kafka, kafka, kafka, ledger, TOPICS, lambda: 0.0)
    assignment.begin({0})
    assert assignment.step() == []
    (ready,) = assignment.step()
    assert assignment.rows(0) == ROWS
    assert ready.tracker.committable == COMMITTED


@pytest.mark.parametrize("marks", [(OFFSET_INVALID, END), (0, OFFSET_INVALID)])
def test_a_journal_whose_ends_were_not_reported_is_neither_a_new_one_nor_without_a_gap(
    ledger: Ledger, marks: tuple[int, int]
) -> None:
    kafka: Any = Kafka()
    kafka.marks = [marks]
    assignment = Assignment(kafka, kafka, kafka, ledger, TOPICS, lambda: 0.0)
    assignment.begin({0})
    assert assignment.step() == []
    (ready,) = assignment.step()
    assert ready.tracker.committable == COMMITTED
