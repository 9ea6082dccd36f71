"""From where a partition is continued, out of what the broker reports of it."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processor.restore.positions import GAP_MARGIN, GAP_REMEMBERED_SECONDS, Found, find_positions, judge
from schemas.progress import Gap, Progress
from schemas.topics import Topics

TOPICS = Topics("t")
AT = datetime(2026, 11, 20, tzinfo=UTC)
LATER = AT + timedelta(days=2)
MARGIN = int(GAP_MARGIN.total_seconds())
SECONDS = int(AT.timestamp())


def found(committed: int, metadata: str | None = None, low: int = 0, high: int = 100) -> Found:
    return Found(3, "T", committed, metadata, low, high)


def told(topic_id: str = "T", **over: Any) -> str:
    return Progress(topic_id, **over).encode()


@pytest.mark.parametrize(
    ("what", "position", "progress"),
    [
        pytest.param(found(40, told(dead_streak=2, at=9)), 40, Progress("T", 0, 2, 9), id="where it was left"),
        pytest.param(found(40, told(replay_until=60)), 40, Progress("T", 60), id="in the middle of a replay"),
        pytest.param(found(40, told(topic_id="")), 40, Progress("T"), id="by a version that noted no topic"),
        pytest.param(found(-1001), 0, Progress("T"), id="a new group"),
        pytest.param(found(100, told()), 100, Progress("T"), id="at the end"),
        pytest.param(found(40, None), 40, Progress("T", 100), id="another tool moved the offset"),
        pytest.param(found(40, "{}"), 40, Progress("T", 100), id="another tool wrote metadata of its own"),
        pytest.param(found(2, None, low=5), 5, Progress("T", 100), id="another tool moved it before the first entry"),
        pytest.param(
            found(40, told("old", replay_until=50, dead_streak=2)), 0, Progress("T", 0, 2), id="the topic was recreated"
        ),
        pytest.param(
            found(101, told(), low=7), 7, Progress("T"), id="the committed offset lies beyond the end: recreated too"
        ),
    ],
)
def test_a_partition_is_continued(what: Found, position: int, progress: Progress) -> None:
    assert judge(what, None) == (progress, position, False)


@pytest.mark.parametrize(
    ("what", "newest_row", "since"),
    [
        pytest.param(found(40, told(at=SECONDS), low=50), None, SECONDS - MARGIN, id="since the last commit"),
        pytest.param(found(40, told(at=SECONDS), low=50), LATER, SECONDS - MARGIN, id="the row is newer"),
        pytest.param(found(40, told(), low=50), AT, SECONDS - MARGIN, id="since the newest row"),
        pytest.param(found(40, told(), low=50), None, 0, id="nothing is known of before"),
        pytest.param(found(-1001, low=50), None, 0, id="a group without offsets"),
    ],
)
def test_entries_that_expired_unread_are_a_gap(what: Found, newest_row: datetime | None, since: int) -> None:
    progress, position, new_gap = judge(what, newest_row)
    assert position == 50
    assert new_gap
    assert progress.gap is not None
    assert progress.gap.since == since
    partition, _, noted_at = progress.gap.gap_id.partition("@")
    assert partition == "3" and noted_at.isdigit()


def test_a_gap_that_a_commit_carries_is_not_new() -> None:
    gap = Gap("3@1", 5)
    assert judge(found(60, told(gap=gap), low=50), None) == (Progress("T", gap=gap), 60, False)


@pytest.mark.parametrize(("age", "since"), [(60, 5), (GAP_REMEMBERED_SECONDS + 60, SECONDS - MARGIN)])
def test_a_second_gap_reaches_back_to_one_that_may_not_be_closed_yet(age: float, since: int) -> None:
    gap = Gap(f"3@{int((time.time() - age) * 1000)}", 5)
    progress, _, new_gap = judge(found(40, told(at=SECONDS, gap=gap), low=50), None)
    assert new_gap
    assert progress.gap is not None and progress.gap != gap
    assert progress.gap.since == since


def test_a_recreated_topic_keeps_the_gap_that_was_noted_in_the_old_one() -> None:
    gap = Gap("3@1", 5)
    assert judge(found(40, told("old", gap=gap)), None) == (Progress("T", gap=gap), 0, False)


class Kafka:
    """Answers every question, in the order that it notes."""

    def __init__(self, error: KafkaError | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    def describe_topics(self, _: Any, **__: Any) -> dict[str, Any]:
        return {
            TOPICS.journal: SimpleNamespace(
                result=lambda *_: SimpleNamespace(name=TOPICS.journal, topic_id="T", partitions=[])
            )
        }

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        self.asked.append("committed")
        return [
            SimpleNamespace(partition=one.partition, offset=40 + one.partition, metadata=told(), error=self.error)
            for one in asked
        ]

    def get_watermark_offsets(self, here: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked.append("marks")
        return here.partition, 100


def test_all_partitions_are_asked_for_at_once() -> None:
    kafka: Any = Kafka()
    assert find_positions(kafka, kafka, TOPICS, [1, 4]) == [
        Found(1, "T", 41, told(), 1, 100),
        Found(4, "T", 44, told(), 4, 100),
    ]
    assert kafka.asked == ["committed", "marks", "marks"]


def test_one_partition_whose_offset_is_not_told_is_an_error_for_all() -> None:
    kafka: Any = Kafka(KafkaError(KafkaError._TIMED_OUT))
    with pytest.raises(KafkaException):
        find_positions(kafka, kafka, TOPICS, [1, 4])
