"""How far the journal was read: pure. A log id may show up after a higher one, so the last few minutes stay open.

`settled` = nothing below it is expected any more; `recent` = ids above it that were published. Asking again from
`settled` and dropping the recent ones finds the late.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from clients import JournalLog
from schemas.records import Cursor

SETTLE_AFTER = timedelta(minutes=5)
MOST_RECENT = 10_000
MOST_GAPS = 200
JOURNAL_KEEPS = timedelta(days=3)
AHEAD = timedelta(minutes=5)
MARGIN = timedelta(hours=1)  # reading a backlog takes time, and clocks differ


def top(cursor: Cursor) -> int:
    """The highest log id known."""
    return max(cursor.recent_log_ids, default=cursor.settled_log_id)


def new_logs(cursor: Cursor, logs: Iterable[JournalLog]) -> list[JournalLog]:
    """Return the logs that were not published yet, each once, lowest id first."""
    known = set(cursor.recent_log_ids)
    fresh = {log.log_id: log for log in logs if log.log_id > cursor.settled_log_id and log.log_id not in known}
    return [fresh[log_id] for log_id in sorted(fresh)]


def unread_too_long(cursor: Cursor, now: datetime) -> bool:
    """Whether entries may have expired in BaseLinker's journal before they were read.

    A mark in the future says nothing about when it was set.
    """
    return now - cursor.read_at >= JOURNAL_KEEPS - MARGIN or in_future(cursor.read_at, now)


def in_future(mark: datetime | None, now: datetime) -> bool:
    """Whether a mark was set by a clock that was wrong."""
    return mark is not None and mark - now > AHEAD


def advance(
    cursor: Cursor, published: Iterable[int], seen: Mapping[int, datetime], steady: datetime, now: datetime
) -> Cursor:
    """Return the cursor after publishing; `seen` = since when each recent id counts as known (else now), as `steady`.

    Ids are settled in order, once known for a few minutes, and the lowest ones when there are too many. `read_at` of
    a journal unread for too long stays: only the sweep that closes the gap moves it.
    """
    recent = sorted({*cursor.recent_log_ids, *published})
    settled = cursor.settled_log_id
    count = 0
    for log_id in recent:
        old = steady - seen.get(log_id, steady) >= SETTLE_AFTER
        if not old and len(recent) - count <= MOST_RECENT:
            break
        settled, count = log_id, count + 1
    read_at = cursor.read_at if unread_too_long(cursor, now) else now
    return replace(cursor, settled_log_id=settled, recent_log_ids=tuple(recent[count:]), read_at=read_at)


def first_cursor(now: datetime, partitions: int, settled: int = 0, topic_id: str = "") -> Cursor:
    """Return the cursor of a first start."""
    return Cursor(settled, (), partitions, swept_to=now, read_at=now, journal_topic_id=topic_id, started_at=now)


def start_over(cursor: Cursor, now: datetime, settled: int, topic_id: str) -> Cursor:
    """Return the cursor of a journal topic that lost its entries: read again, and `read_at` calls for a sweep."""
    read_at = min(cursor.read_at, now - JOURNAL_KEEPS)
    return replace(cursor, settled_log_id=settled, recent_log_ids=(), read_at=read_at, journal_topic_id=topic_id)


def note_gaps(cursor: Cursor, gap_ids: Iterable[str]) -> Cursor:
    """Return the cursor with gaps noted as closed, the newest ones last and bounded."""
    closed = dict.fromkeys(gap_ids)
    kept = [gap_id for gap_id in cursor.gaps_closed if gap_id not in closed]
    return replace(cursor, gaps_closed=(*kept, *closed)[-MOST_GAPS:])
