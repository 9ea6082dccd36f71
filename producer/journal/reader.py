"""The journal, page by page, published with its cursor; pages may be of any size, in any order, with repetitions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from clients import JournalLog
from producer.clock import Clock
from producer.journal.cursor import SETTLE_AFTER, advance, new_logs, top
from producer.journal.silence import Silence
from producer.journal.writer import JournalWriter
from producer.sources import LOG_TYPES, Sources
from runtime.logging import get_logger
from schemas.records import JournalEntry, Origin

BACKLOG = timedelta(hours=25)  # clocks differ, by up to a day where BaseLinker sends no time
NOTE_LOOK = timedelta(minutes=10)

log = get_logger(__name__)


def find_end(sources: Sources, before: datetime | None = None) -> int:
    """Return the journal's last log id, or the last one below all that was logged at or after a time."""
    at = 0
    while True:
        page = sources.journal(at)
        if before is not None and (later := [row.log_id for row in page if row.date is None or row.date >= before]):
            return min(later) - 1
        highest = max((row.log_id for row in page), default=-1)
        if highest == at:  # the asked id itself came: is there something above it?
            highest = max((row.log_id for row in sources.journal(at + 1)), default=-1)
            if highest > at:
                at += 1
                continue
        if highest <= at:
            return at
        at = highest


class JournalReader:
    """Takes the journal's entries into the topic, each log id once."""

    def __init__(self, sources: Sources, writer: JournalWriter, clock: Clock, silence: Silence) -> None:
        self._sources, self._writer, self._clock, self._silence = sources, writer, clock, silence
        self._seen: dict[int, datetime] = dict.fromkeys(writer.cursor.recent_log_ids, clock.steady())
        self._largest_page = 1
        self._alone: int | None = None

    def whole(self) -> None:
        """Ask again from the settled id, to the journal's end: finds the ids that came late."""
        self._read(self._writer.cursor.settled_log_id, whole=True)

    def news(self) -> None:
        """Ask for what lies above the highest id known."""
        known = top(self._writer.cursor)
        self._read(known + 1 if self._alone == known else known, whole=False)

    def _read(self, start: int, whole: bool) -> None:
        """Page on until a page leads no further; a short page ends it early where more would only cost."""
        at = start
        while True:
            page = self._sources.journal(at)
            fresh = new_logs(self._writer.cursor, page)
            if fresh or not page or at == start:
                self._take(fresh)
            highest = max((row.log_id for row in page), default=at)
            full = len(page) >= self._largest_page
            self._largest_page = max(self._largest_page, len(page))
            if page and highest == at and full:
                # nothing but the asked id itself, as far as the page reaches: what lies above it?
                self._alone = at
                at += 1
                continue
            if highest <= at or (not whole and not full):
                return
            at = highest

    def _take(self, logs: Sequence[JournalLog]) -> None:
        now, steady, cursor = self._clock.now(), self._clock.steady(), self._writer.cursor
        wanted = [row for row in logs if row.log_type in LOG_TYPES]
        entries = []
        for row in wanted:
            # an entry counts as known from now on, not from its date: clocks differ. Only a backlog is settled at once
            backlog = row.date is not None and now - row.date > BACKLOG
            self._seen[row.log_id] = steady - SETTLE_AFTER if backlog else steady
            if row.order_id <= 0:
                log.warning("a journal entry without an order id is left out", log_id=row.log_id)
                continue
            entries.append(
                JournalEntry(row.log_id, row.log_type, row.order_id, row.object_id, row.date or now, Origin.JOURNAL)
            )
        moved = advance(cursor, [row.log_id for row in wanted], self._seen, steady, now)
        same = (moved.settled_log_id, moved.recent_log_ids) == (cursor.settled_log_id, cursor.recent_log_ids)
        if entries or not same or moved.read_at - cursor.read_at >= NOTE_LOOK:
            self._writer.write(entries, moved)
            self._seen = {log_id: self._seen.get(log_id, steady) for log_id in moved.recent_log_ids}
        self._silence.named([entry.order_id for entry in entries], self._clock.latest())
