"""Does a log id turn up in BaseLinker's journal below a higher one? Its end is watched, and read again later.

That is open, and so is how long a page is (docs/apis.md, getJournalList): the end is where nothing follows, or where a
page is shorter than the first one. Ids grow with time: where the end lies is guessed from those that were seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clients import BaseLinker, JournalLog

MOST_JUMPS = 7
LATELY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Watched:
    """The journal's last entries as they were: asked for from `start` on."""

    start: int
    log_ids: frozenset[int]


def watch_end(base: BaseLinker, page: Sequence[JournalLog], log_types: Sequence[int], now: datetime) -> Watched | None:
    """Read the journal's last half page, given its first page; None where its end is not found. At most 8 requests."""
    end = _end(base, page, log_types, now)
    if end is None:
        return None
    width = max(row.log_id for row in page) - min(row.log_id for row in page)
    start = end - width // 2  # the other half leaves room for what is new
    return Watched(start, frozenset(row.log_id for row in base.journal(start, log_types)))


def late_ids(base: BaseLinker, watched: Watched | None, log_types: Sequence[int]) -> str:
    """Read the end again and say whether a new id lies below a known one: yes, no or "not seen"; one request."""
    if watched is None or not watched.log_ids:
        return "not seen: no entries, or the journal's end was not found"
    fresh = {row.log_id for row in base.journal(watched.start, log_types)} - watched.log_ids
    late = sum(log_id < max(watched.log_ids) for log_id in fresh)
    if not fresh:
        return "not seen: no new entry"
    return f"{'yes' if late else 'no'}: {late} of {len(fresh)} new entries"


def _end(base: BaseLinker, page: Sequence[JournalLog], log_types: Sequence[int], now: datetime) -> int | None:
    if not page:
        return None
    first, full, beyond = min(page, key=_by_id), len(page), 0
    for jump in range(MOST_JUMPS):
        last = max(page, key=_by_id)
        start = _guess(first, last, now) if jump else last.log_id  # the next page may be the last
        if 0 < beyond <= start:
            start = (last.log_id + beyond) // 2
        found = base.journal(start, log_types)
        if any(row.log_id > last.log_id for row in found):
            page = found
            if len(page) < full:
                return max(row.log_id for row in page)
        elif start <= last.log_id:
            return last.log_id
        else:
            beyond = start
    return None


def _guess(first: JournalLog, last: JournalLog, now: datetime) -> int:
    """Return the log id of some minutes ago, if ids grew on as they did between two; not below the last one."""
    if first.date is None or last.date is None or last.date <= first.date:
        return last.log_id
    pace = (last.log_id - first.log_id) / (last.date - first.date).total_seconds()
    return last.log_id + max(0, int(pace * (now - LATELY - last.date).total_seconds()))


def _by_id(row: JournalLog) -> int:
    return row.log_id
