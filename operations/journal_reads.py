"""Entries of the journal: an order's, the newest, the oldest unfinished, how many wait."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Message

from operations.group_reads import GroupReads, Position
from schemas.codec import DecodeError
from schemas.partitioner import partition_of
from schemas.records import JournalEntry
from schemas.topics import order_key

COUNTED_EXACTLY = 5000
LAST = (20, 2000)  # offsets of each partition that are looked at for the newest log id


@dataclass(frozen=True, slots=True)
class EntryAt:
    """A journal message; `entry` None = it can't be read."""

    partition: int
    offset: int
    written_at: datetime
    key: bytes | None
    entry: JournalEntry | None


class JournalReads(GroupReads):
    """Readers of the journal."""

    def entries(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[EntryAt]:
        """Yield journal entries between offsets."""
        for message in self.messages(self.topics.journal, starts, ends):
            yield self._entry(message)

    def entries_of(self, order_id: int) -> list[EntryAt]:
        """Return an order's journal entries, oldest first; reads its whole partition."""
        wanted = order_key(order_id)
        number = partition_of(wanted, self.partition_count())
        return [self._entry(found) for found in self.whole(self.topics.journal, number) if found.key() == wanted]

    def last_entry(self) -> EntryAt | None:
        """Return the entry with the highest log id among the last messages of each partition."""
        ends = self.log_ends(self.topics.journal)
        for count in LAST:  # a backfill or replay may lie behind the live entries
            starts = {number: max(first, end - count) for number, (first, end) in ends.items()}
            found = self.entries(starts, {number: end for number, (_, end) in ends.items()})
            logged = [(one.entry.log_id, one) for one in found if one.entry is not None and one.entry.log_id > 0]
            if logged:
                return max(logged, key=lambda pair: pair[0])[1]
        return None

    def waiting(self, positions: list[Position]) -> tuple[int, int]:
        """Return entries without an outcome, and how many of them are replayed ones.

        Read where they are few, for transaction markers lie between them.
        """
        until = {one.partition: one.replay_until for one in positions}
        lag = sum(one.lag for one in positions)
        if lag > COUNTED_EXACTLY:
            return lag, sum(max(0, min(one.end, until[one.partition]) - one.next) for one in positions)
        starts, ends = {one.partition: one.next for one in positions}, {one.partition: one.end for one in positions}
        found = list(self.entries(starts, ends))
        return len(found), sum(one.offset < until[one.partition] for one in found)

    def waiting_orders(self) -> set[int]:
        """Return the orders of all entries without an outcome."""
        positions = self.positions()
        starts, ends = {one.partition: one.next for one in positions}, {one.partition: one.end for one in positions}
        return {found.entry.order_id for found in self.entries(starts, ends) if found.entry is not None}

    def oldest_unfinished(self, positions: list[Position]) -> EntryAt | None:
        """Return the oldest entry without an outcome, by when it was written; replayed ones had theirs before."""
        starts = {one.partition: max(one.next, one.replay_until) for one in positions}
        ends = {one.partition: min(one.end, starts[one.partition] + 50) for one in positions}  # markers lie between
        found = list(self.entries(starts, ends))
        return min(found, key=lambda entry: entry.written_at, default=None)

    def _entry(self, message: Message) -> EntryAt:
        value, key = message.value(), message.key()
        try:
            entry = self.codec.decode(value, JournalEntry) if isinstance(value, bytes) else None
        except DecodeError:
            entry = None
        return EntryAt(
            message.partition() or 0,
            message.offset() or 0,
            datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            key if isinstance(key, bytes) else None,
            entry,
        )
