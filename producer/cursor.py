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


def top(cursor: Cursor) -> int:
    """The highest log id known."""
    return max(cursor.recent_log_ids, default=cursor.settled_log_id)


def new_logs(cursor: Cursor, logs: Iterable[JournalLog]) -> list[JournalLog]:
    """Return the logs that were not published yet, each once, lowest id first."""
    known = set(cursor.recent_log_ids)
    fresh = {log.log_id: log for log in logs if log.log_id > cursor.settled_log_id and log.log_id not in known}
    return [fresh[log_id] for log_id in sorted(fresh)]


def advance(cursor: Cursor, published: Iterable[int], dates: Mapping[int, datetime], now: datetime) -> Cursor:
    """Return the cursor after publishing; `dates` = when each recent id was logged, where known (else first seen).

    Ids are settled in order, once older than a few minutes, and the lowest ones when there are too many.
    """
    recent = sorted({*cursor.recent_log_ids, *published})
    settled = cursor.settled_log_id
    count = 0
    for log_id in recent:
        old = now - dates.get(log_id, now) >= SETTLE_AFTER
        if not old and len(recent) - count <= MOST_RECENT:
            break
        settled, count = log_id, count + 1
    return replace(cursor, settled_log_id=settled, recent_log_ids=tuple(recent[count:]), read_at=now)


def first_cursor(now: datetime, partitions: int, settled: int = 0) -> Cursor:
    """Return the cursor of a first start."""
    return Cursor(settled, (), partitions, swept_to=now, read_at=now)
