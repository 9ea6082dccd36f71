"""Where logs begin and end, read from outside: what no broker reported is an error, never an offset."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, OFFSET_INVALID, KafkaException, TopicPartition

from operations.topic_reads import TopicReads
from runtime.settings import load_settings

AT = datetime(2026, 11, 25, tzinfo=UTC)


class Kafka:
    """A journal of two partitions; `marks` and `at` = what is said of the second one."""

    def __init__(self) -> None:
        self.marks, self.at = (3, 23), 12

    def list_topics(self, **_: Any) -> Any:
        return SimpleNamespace(topics={"t.journal": SimpleNamespace(partitions={0: None, 1: None})})

    def get_watermark_offsets(self, asked: TopicPartition, timeout: float) -> tuple[int, int]:
        return self.marks if asked.partition == 1 else (0, 0)

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        at = {0: OFFSET_END, 1: self.at}
        return [SimpleNamespace(partition=one.partition, offset=at[one.partition], error=None) for one in asked]


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def reads(kafka: Any) -> Iterator[TopicReads]:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "TOPIC_PREFIX": "t"}, None, need="kafka")
    with TopicReads(settings) as found:
        found.admin, consumer, found._consumer = kafka, found._consumer, kafka
        yield found
        found._consumer = consumer


def test_ends_are_what_the_broker_reports(reads: TopicReads) -> None:
    assert reads.log_ends("t.journal") == {0: (0, 0), 1: (3, 23)}


@pytest.mark.parametrize("marks", [(OFFSET_INVALID, 23), (3, OFFSET_INVALID)])
def test_ends_that_were_not_reported_are_an_error(reads: TopicReads, kafka: Kafka, marks: tuple[int, int]) -> None:
    kafka.marks = marks
    with pytest.raises(KafkaException):
        reads.log_ends("t.journal")


@pytest.mark.parametrize(("at", "offset"), [(12, 12), (OFFSET_END, 23)])
def test_a_time_after_the_last_message_is_at_the_end(reads: TopicReads, kafka: Kafka, at: int, offset: int) -> None:
    kafka.at = at
    assert reads.offsets_at("t.journal", AT) == {0: 0, 1: offset}


def test_an_offset_for_a_time_that_was_not_reported_is_an_error(reads: TopicReads, kafka: Kafka) -> None:
    kafka.at = OFFSET_INVALID
    with pytest.raises(KafkaException):
        reads.offsets_at("t.journal", AT)
