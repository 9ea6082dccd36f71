"""A journal entry, and the job of an order: what identifies it. What a stage learns of a job, the stage keeps."""

from dataclasses import dataclass

from schemas.records import ASKED_FOR, Delivery, JournalEntry, Origin, Outcome

PURCHASE_TYPES = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it lay in the topic; `written_at` = unix seconds, 0 = unknown."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    written_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoded journal entry and where it lay; `replayed` = below the group's replay mark."""

    raw: Raw
    record: JournalEntry
    replayed: bool

    @property
    def forced(self) -> bool:
        """Whether it is applied even when the ledger says done."""
        return self.replayed or self.record.origin is Origin.REPLAY

    @property
    def asked_for(self) -> bool:
        """Whether the operator wants this order sent: by a replay or by the backfill command."""
        return self.forced or any(name == ASKED_FOR for name, _ in self.raw.headers)

    @property
    def late(self) -> bool:
        """Whether it is not from the live journal: a contact's newer fields must stay."""
        return self.forced or self.record.origin is Origin.BACKFILL


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One order's entries on their way, and the ledger's row before them. At most one per order is unfinished.

    `settle_until`: another owner's create may be alive until then (seconds on the loop's clock, 0 = none is).
    """

    order_id: int
    partition: int
    entries: tuple[Entry, ...]
    row: Delivery | None
    settle_until: float = 0.0

    @property
    def purchase(self) -> bool:
        """Whether a purchase is due: an entry of type 1 or 2, or an earlier one that could not be sent.

        A retracted one is due again only when the operator asks for it.
        """
        if self.stays_retracted:
            return False
        due = self.row is not None and self.row.purchase_due
        return due or any(entry.record.log_type in PURCHASE_TYPES for entry in self.entries)

    @property
    def stays_retracted(self) -> bool:
        """Whether its purchase was retracted and no entry asks for it again."""
        retracted = self.row is not None and self.row.outcome is Outcome.RETRACTED
        return retracted and not any(entry.asked_for for entry in self.entries)

    @property
    def forced(self) -> bool:
        """Whether a replay asked for it."""
        return any(entry.forced for entry in self.entries)

    @property
    def late(self) -> bool:
        """Whether no entry is from the live journal."""
        return all(entry.late for entry in self.entries)

    @property
    def log_id(self) -> int:
        """The newest log id, for the order of work and the ledger."""
        return max(entry.record.log_id for entry in self.entries)

    @property
    def offset(self) -> int:
        """The newest offset this job answers for."""
        return max(entry.raw.offset for entry in self.entries)

    @property
    def waiting_since(self) -> float | None:
        """When its oldest entry was written to the topic, in unix seconds; what is replayed had its outcome before."""
        return min((entry.raw.written_at for entry in self.entries if not entry.replayed), default=None)

    @property
    def uncertain(self) -> bool:
        """Whether somebody may have a create of this order under way: an intent without an outcome."""
        return self.row is not None and self.row.outcome is Outcome.SENDING

    @property
    def log_fields(self) -> dict[str, int]:
        """What a log line says of it: where its newest entry lies in the journal topic."""
        return {"order_id": self.order_id, "log_id": self.log_id, "partition": self.partition, "offset": self.offset}
