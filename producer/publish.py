"""Entries and cursor in one Kafka transaction: both or none."""

from collections.abc import Sequence

from runtime.transaction import OutgoingMessage, TransactionalWriter
from schemas.codec import Codec
from schemas.partitioner import partition_of
from schemas.records import CURSOR_KEY, Cursor, JournalEntry
from schemas.topics import Topics, order_key


class Publisher:
    """Writes through an opened writer."""

    def __init__(self, writer: TransactionalWriter, codec: Codec, topics: Topics) -> None:
        self._writer, self._codec, self._topics = writer, codec, topics

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """Write entries in the given order, and the cursor after them; partitions as the cursor counts them.

        NotCommitted = nothing of it counts. Fenced = it is not known whether it counts: read the cursor again.
        """
        # all is encoded first: what fails there leaves no transaction open
        messages = [self._entry(entry, cursor.journal_partitions) for entry in entries]
        messages.append(OutgoingMessage(self._topics.cursor, 0, CURSOR_KEY, self._codec.encode(cursor)))
        self._writer.write(messages)

    def _entry(self, entry: JournalEntry, partitions: int) -> OutgoingMessage:
        key = order_key(entry.order_id)
        return OutgoingMessage(self._topics.journal, partition_of(key, partitions), key, self._codec.encode(entry))
