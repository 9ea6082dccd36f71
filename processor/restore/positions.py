"""From where a partition is to be continued: its committed offset and what the metadata say, asked of the broker."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.end_offsets import watermarks
from runtime.logging import get_logger
from runtime.topic_identity import topic_id
from schemas.progress import Gap, Progress, read_progress
from schemas.topics import Topics

ASK_SECONDS = 2.0
GAP_MARGIN = timedelta(days=33)  # what lay unread at the last commit may be as old as the topic and the journal keep
GAP_REMEMBERED_SECONDS = 40 * 86_400

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What the broker reports of one partition; `committed` < 0 = nothing."""

    number: int
    topic_id: str
    committed: int
    metadata: str | None
    low: int
    high: int


def find_positions(consumer: Consumer, admin: AdminClient, topics: Topics, numbers: Sequence[int]) -> list[Found]:
    """Ask for all of them, each question at most ASK_SECONDS; KafkaException, TimeoutError.

    A killed member's open transaction hides the offsets until it times out: that is an error, too.
    """
    identity = topic_id(admin, topics.journal)
    asked = [TopicPartition(topics.journal, number) for number in numbers]
    committed: list[Any] = consumer.committed(asked, timeout=ASK_SECONDS)
    if wrong := next((found.error for found in committed if found.error is not None), None):
        raise KafkaException(wrong)
    marks = [watermarks(consumer, topics.journal, number, ASK_SECONDS) for number in numbers]
    return [
        Found(number, identity, found.offset, found.metadata, low, high)
        for number, found, (low, high) in zip(numbers, committed, marks, strict=True)
    ]


def judge(found: Found, newest_row: datetime | None) -> tuple[Progress, int, bool]:
    """Return a partition's progress, the offset to continue from, and whether it has a gap that no commit carries."""
    progress, position = _judge(found, newest_row)
    known = read_progress(found.metadata) if found.committed >= 0 else None
    return progress, position, progress.gap is not None and (known is None or known.gap != progress.gap)


def _judge(found: Found, newest_row: datetime | None) -> tuple[Progress, int]:
    known = read_progress(found.metadata) if found.committed >= 0 else None
    if found.committed < 0:
        progress = Progress(found.topic_id)
        return (_with_gap(found, progress, newest_row) if found.low > 0 else progress), found.low
    if known is None:
        log.warning(
            "another tool moved the group's offset: entries up to here are applied again",
            partition=found.number,
            offset=found.committed,
            replay_until=found.high,
        )
        return Progress(found.topic_id, replay_until=found.high), max(found.low, found.committed)
    if (known.topic_id and known.topic_id != found.topic_id) or found.committed > found.high:
        log.warning("the journal topic was recreated: reading it from its start", partition=found.number)
        return Progress(found.topic_id, dead_streak=known.dead_streak, gap=known.gap), found.low
    progress = replace(known, topic_id=found.topic_id)
    if found.committed < found.low:
        progress = _with_gap(found, progress, newest_row)
    return progress, max(found.low, found.committed)


def _with_gap(found: Found, progress: Progress, newest_row: datetime | None) -> Progress:
    """Entries expired before they were read: note since when, because the producer closes the gap from the orders."""
    known = [progress.at] if progress.at else []
    if newest_row is not None:
        known.append(int(newest_row.timestamp()))
    since = min(known) - int(GAP_MARGIN.total_seconds()) if known else 0
    if progress.gap is not None and _noted_lately(progress.gap):  # perhaps not closed yet
        since = min(since, progress.gap.since)
    # where nothing is known of what was before, everything since the first start may be concerned: 0
    gap = Gap(f"{found.number}@{int(time.time() * 1000)}", since)
    log.error(
        "journal gap: entries expired before they were read; the producer brings their orders by date",
        partition=found.number,
        committed=found.committed,
        first=found.low,
        since=gap.since,
    )
    return replace(progress, gap=gap)


def _noted_lately(gap: Gap) -> bool:
    noted_at = gap.gap_id.rpartition("@")[2]
    return not noted_at.isdigit() or time.time() - int(noted_at) / 1000 < GAP_REMEMBERED_SECONDS
