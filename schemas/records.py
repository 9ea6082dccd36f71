"""The records that lie in Kafka. Times are aware UTC in whole milliseconds; nothing is personal data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Origin(StrEnum):
    """Where an entry comes from."""

    JOURNAL = "JOURNAL"
    BACKFILL = "BACKFILL"
    REPLAY = "REPLAY"


RETRACTED = "retracted"  # the reason in a row whose purchase was taken back
ASKED_FOR = "bl2sm.asked_for"  # header of an entry that the operator's backfill published: not the sweep's own


class Outcome(StrEnum):
    """What became of an order; `sending` is an intent, not an outcome yet."""

    SENDING = "sending"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    DEAD = "dead"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of the `journal` topic; its key is the order id. `log_id` 0 = not from the journal."""

    log_id: int
    log_type: int
    order_id: int
    object_id: int | None
    logged_at: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the journal was read: everything up to `settled_log_id`, and `recent_log_ids` above it.

    `journal_topic_id` "" = not noted yet; `started_at` None = before it was noted; `gaps_closed` newest last.
    """

    settled_log_id: int
    recent_log_ids: tuple[int, ...]
    journal_partitions: int
    swept_to: datetime | None
    read_at: datetime
    journal_topic_id: str = ""
    started_at: datetime | None = None
    gaps_closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One order's row; `journal_offset` = the offset up to which it is done, -1 = not at all yet."""

    outcome: Outcome
    reason: str
    purchase_due: bool
    journal_offset: int
    journal_topic_id: str
    log_id: int
    contact_id: str | None
    event_id: str | None
    fingerprint: str | None
    delivered_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message is a dead letter. Travels as headers beside the original bytes."""

    reason: str
    error_class: str
    message: str
    topic: str
    partition: int
    offset: int
    original_key: bytes | None
    attempts: int
    time: datetime

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the headers `error.*`; a missing original key is left out."""
        texts = {
            "error.reason": self.reason,
            "error.class": self.error_class,
            "error.message": self.message,
            "error.topic": self.topic,
            "error.partition": str(self.partition),
            "error.offset": str(self.offset),
            "error.attempts": str(self.attempts),
            "error.time": self.time.isoformat(),
        }
        headers = [(name, text.encode()) for name, text in texts.items()]
        if self.original_key is not None:
            headers.append(("error.original_key", self.original_key))
        return headers


def dead_letter_from_headers(headers: Iterable[tuple[str, bytes | str | None]]) -> DeadLetter:
    """Read the headers back; ValueError when one is missing or malformed."""
    found = {name: value.encode() if isinstance(value, str) else value for name, value in headers}

    def text(name: str) -> str:
        value = found.get(f"error.{name}")
        if value is None:
            raise ValueError(f"the header error.{name} is missing")
        return value.decode(errors="replace")

    return DeadLetter(
        reason=text("reason"),
        error_class=text("class"),
        message=text("message"),
        topic=text("topic"),
        partition=int(text("partition")),
        offset=int(text("offset")),
        original_key=found.get("error.original_key"),
        attempts=int(text("attempts")),
        time=datetime.fromisoformat(text("time")).astimezone(UTC),
    )


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """What the shop chose, under the key `rules` of the `settings` topic; None = the environment's value holds."""

    contact_tag: str | None
    location: str | None
    tag_order_source: str | None
    skip_shop_orders: bool | None
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether the processors send, under the key `switch` of the `settings` topic; `reason` "" = none was given."""

    paused: bool
    reason: str
    changed_by: str
    changed_at: datetime


CURSOR_KEY = b"journal"
RULES_KEY, SWITCH_KEY = b"rules", b"switch"
Record = JournalEntry | Cursor | Delivery | DeadLetter | ShopSettings | Switch
