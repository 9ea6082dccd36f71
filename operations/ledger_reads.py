"""Rows of the ledger: an order's newest, or everyone's."""

from dataclasses import dataclass
from datetime import datetime

from operations.topic_reads import TopicReads
from schemas.codec import DecodeError
from schemas.partitioner import partition_of
from schemas.records import Delivery
from schemas.topics import order_key, parse_order_key


@dataclass(frozen=True, slots=True)
class RowAt:
    """A ledger row and its order."""

    order_id: int
    partition: int
    row: Delivery


class LedgerReads(TopicReads):
    """Readers of the ledger."""

    def row(self, order_id: int) -> Delivery | None:
        """Return an order's ledger row; reads its whole partition. DecodeError where it can't be read."""
        wanted, newest = order_key(order_id), None
        for message in self.whole(self.topics.deliveries, partition_of(wanted, self.partition_count())):
            if message.key() == wanted:
                newest = message.value()
        return self.codec.decode(newest, Delivery) if isinstance(newest, bytes) else None

    def rows(self, since: datetime | None = None) -> dict[int, RowAt]:
        """Return every order's newest row, or only those written since a time; rows that can't be read are left out."""
        topic = self.topics.deliveries
        ends = self.log_ends(topic)
        starts = self.offsets_at(topic, since) if since else {number: first for number, (first, _) in ends.items()}
        newest: dict[int, tuple[int, bytes | None]] = {}
        for message in self.messages(topic, starts, {number: end for number, (_, end) in ends.items()}):
            key, value, number = message.key(), message.value(), message.partition()
            try:
                order_id = parse_order_key(key if isinstance(key, bytes) else None)
            except ValueError:
                continue
            newest[order_id] = (number or 0, value if isinstance(value, bytes) else None)
        found: dict[int, RowAt] = {}
        for order_id, (number, content) in newest.items():
            try:
                if content is not None:
                    found[order_id] = RowAt(order_id, number, self.codec.decode(content, Delivery))
            except DecodeError:
                continue
        return found
