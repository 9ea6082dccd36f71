"""Journal entries and ledger rows for tests."""

from datetime import UTC, datetime

from processor.job import Entry, Raw
from schemas.records import Delivery, JournalEntry, Origin, Outcome

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def entry(offset: int, order_id: int = 7, log_type: int = 11, origin: Origin = Origin.JOURNAL) -> Entry:
    record = JournalEntry(100 + offset, log_type, order_id, None, NOW, origin)
    return Entry(Raw(0, offset, str(order_id).encode(), b"", ()), record, replayed=False)


def row(**over: object) -> Delivery:
    base: dict[str, object] = {
        "outcome": Outcome.DELIVERED, "reason": "created", "purchase_due": False, "journal_offset": 9,
        "journal_topic_id": "T", "log_id": 109, "contact_id": "c1", "event_id": "e1", "fingerprint": "a.b",
        "delivered_at": NOW,
    }  # fmt: skip
    return Delivery(**(base | over))  # type: ignore[arg-type]
