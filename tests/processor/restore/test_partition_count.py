"""The journal's partition count is compared with the one that the cursor was written under."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from processor.errors import NeedsOperator
from processor.restore.partition_count import check_partition_count
from schemas.codec import make_codec
from schemas.records import Cursor
from schemas.topics import Topics

TOPICS = Topics("t")
CODEC = make_codec(TOPICS, None)


def cursor(partitions: int) -> bytes:
    return CODEC.encode(Cursor(7, (), partitions, None, datetime(2026, 11, 24, tzinfo=UTC)))


class Reader:
    """A cursor topic that holds these values."""

    def __init__(self, *values: bytes | None) -> None:
        self.assigned: list[TopicPartition] = []
        self._values = values

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def unassign(self) -> None:
        self.assigned = []

    def consume(self, count: int, seconds: float) -> list[Any]:
        assert [one.topic for one in self.assigned] == [TOPICS.cursor]
        end = SimpleNamespace(code=lambda: KafkaError._PARTITION_EOF)
        return [*(_message(value, None) for value in self._values), _message(None, end)]


def _message(value: bytes | None, error: Any) -> Any:
    return SimpleNamespace(value=lambda: value, error=lambda: error)


@pytest.mark.parametrize("values", [(), (cursor(6),), (cursor(3), cursor(6)), (cursor(3), None, cursor(6))])
def test_the_newest_cursor_counts_and_a_journal_without_one_is_new(values: tuple[bytes | None, ...]) -> None:
    reader: Any = Reader(*values)
    check_partition_count(reader, TOPICS, CODEC, 6)
    assert reader.assigned == []


def test_another_count_than_at_the_first_start_needs_a_person() -> None:
    reader: Any = Reader(cursor(6))
    with pytest.raises(NeedsOperator, match="has 12 partitions and had 6"):
        check_partition_count(reader, TOPICS, CODEC, 12)


def test_a_cursor_that_cannot_be_read_needs_a_person_and_is_no_traceback() -> None:
    reader: Any = Reader(b"rubbish")
    with pytest.raises(NeedsOperator, match=r"t\.cursor: the cursor can't be read"):
        check_partition_count(reader, TOPICS, CODEC, 6)
    assert reader.assigned == []
