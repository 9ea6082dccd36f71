"""Which sweep is due: derived from the cursor and the gaps that processors report, so that a crash forgets none. Pure.

A mark in the future was set by a clock that was ahead, nobody knows for how long: it is not believed, and one sweep
over all that the journal would have kept, or as far back as the mark lies ahead, sets it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from producer.journal.cursor import JOURNAL_KEEPS, in_future, note_gaps, unread_too_long
from producer.options import Options
from schemas.progress import Gap
from schemas.records import Cursor

OVERLAP = timedelta(hours=1)
EPOCH = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Orders confirmed since then are wanted, and what is closed when all are published."""

    since: datetime
    regular: bool = False
    unread: bool = False
    first_look: bool = False
    gap_ids: tuple[str, ...] = ()

    @property
    def again(self) -> bool:
        """Whether orders of earlier sweeps are published again: their entries may be among the lost ones."""
        return self.unread or bool(self.gap_ids)


def due(
    cursor: Cursor, options: Options, now: datetime, reported: Iterable[Gap] = (), ahead: timedelta = timedelta()
) -> Wanted | None:
    """Return the one sweep that closes everything open, or None. To be asked after a complete look at the journal.

    `ahead` = how far this machine's clock, and so what processors report, may be before `now`.
    """
    astray = [mark for mark in (cursor.swept_to, cursor.read_at) if mark is not None and in_future(mark, now)]
    overdue = options.sweep is not None and cursor.swept_to is not None and now - cursor.swept_to >= options.sweep
    regular = overdue or (options.sweep is not None and in_future(cursor.swept_to, now))
    unread = unread_too_long(cursor, now)
    gaps = [gap for gap in reported if gap.gap_id not in cursor.gaps_closed]
    first_look = _first_look(cursor, options)
    lost = [_time(gap.since, now) - OVERLAP - ahead for gap in gaps]
    if unread:
        lost.append(min(cursor.read_at, now) - OVERLAP)
    if unread or regular:
        lost += [now - max(JOURNAL_KEEPS, mark - now) - OVERLAP for mark in astray]
    if first_look:
        lost.append(now - JOURNAL_KEEPS)
    started_at = None if in_future(cursor.started_at, now) else cursor.started_at
    if started_at is not None:  # a first start from the beginning took what the journal kept then
        earliest = started_at - (JOURNAL_KEEPS + OVERLAP if options.start_from == "earliest" else timedelta())
        lost = [max(since, earliest) for since in lost]
    if regular and cursor.swept_to is not None:
        lost.append(max(min(cursor.swept_to, now) - OVERLAP, started_at or EPOCH))
    if not lost:
        return None
    return Wanted(min(lost), regular, unread, first_look, tuple(gap.gap_id for gap in gaps))


def swept(cursor: Cursor, wanted: Wanted, started: datetime, read_at: datetime) -> Cursor:
    """Return the cursor at a sweep's end; `read_at` = the last complete look at the journal."""
    if cursor.swept_to is None or wanted.regular or wanted.since <= cursor.swept_to:
        # a first look is over once swept_to is not the first start any more
        moved = started + timedelta(milliseconds=1) if wanted.first_look else started
        astray = in_future(cursor.swept_to, started)
        cursor = replace(cursor, swept_to=moved if astray else max(moved, cursor.swept_to or moved))
    if wanted.unread:
        astray = in_future(cursor.read_at, started)
        cursor = replace(cursor, read_at=read_at if astray else max(read_at, cursor.read_at))
    if in_future(cursor.started_at, started):
        cursor = replace(cursor, started_at=wanted.since)
    return note_gaps(cursor, wanted.gap_ids) if wanted.gap_ids else cursor


def _first_look(cursor: Cursor, options: Options) -> bool:
    """A first start from the beginning found nothing at all: is there no order, or is the journal switched off?"""
    untouched = cursor.settled_log_id == 0 and not cursor.recent_log_ids and cursor.started_at is not None
    return options.start_from == "earliest" and untouched and cursor.swept_to == cursor.started_at


def _time(seconds: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, EPOCH.timestamp()), now.timestamp()), UTC)
