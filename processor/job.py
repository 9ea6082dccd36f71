"""One job per order: entries of one order are coalesced, and never two unfinished jobs of one order exist."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from processor.decide.rules import Send
from schemas.records import ASKED_FOR, Delivery, JournalEntry, Origin, Outcome

PURCHASE_TYPES = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it lay in the topic; `written_at` = unix seconds, 0 = not told."""

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
    seen_at: float

    @property
    def forced(self) -> bool:
        """Applied even when the ledger says done."""
        return self.replayed or self.record.origin is Origin.REPLAY

    @property
    def asked_for(self) -> bool:
        """Published because the operator wants this order sent: by a replay or by the backfill command."""
        return self.forced or any(name == ASKED_FOR for name, _ in self.raw.headers)

    @property
    def late(self) -> bool:
        """Not from the live journal: a contact's newer fields must stay."""
        return self.forced or self.record.origin is Origin.BACKFILL


class Step(Enum):
    """Where a job stands; each names what happens next."""

    WAITING = auto()
    READING = auto()
    LANE = auto()
    PRELOOK = auto()
    UPSERT = auto()
    INTEND = auto()
    LOOK = auto()
    CREATE = auto()
    UPDATE = auto()
    DONE = auto()


WRITES_EVENT = frozenset({Step.CREATE, Step.UPDATE})


@dataclass(slots=True, eq=False)
class Job:
    """All that is known of the way of one order; owned by the main thread alone.

    `attempts` are the failures that speak against this order, `failures` all of them (they set the back-off).
    `intended_at`: when the transaction that holds its intent was begun. `settle_until`: no look before. `slow_look`:
    the last look took too long for an intent before it; `absent_on`: the contact on which it showed no purchase.
    `answered`: the writes that SALESmanago has answered since the job got its lane.
    """

    order_id: int
    partition: int
    row: Delivery | None
    entries: list[Entry] = field(default_factory=list)
    followers: list[Entry] = field(default_factory=list)
    step: Step = Step.WAITING
    send: Send | None = None
    contact_id: str | None = None
    fingerprint: str | None = None
    keep_fields: bool = False
    attempts: int = 0
    failures: int = 0
    entries_read: int = 0
    in_call: bool = False
    abandoned: bool = False
    parked: bool = False
    intended_at: float | None = None
    intended_contact: str | None = None
    settle_until: float = 0.0
    looked_at: float = 0.0
    slow_look: bool = False
    absent_on: str | None = None
    unknown_since: float | None = None
    not_before: float = 0.0
    known_event: str | None = None
    not_shown_since: float | None = None
    refused_keys: int = 0
    answered: set[Step] = field(default_factory=set)

    @property
    def purchase(self) -> bool:
        """Whether a purchase is due: any entry of type 1 or 2, or an earlier one that could not be sent.

        A retracted one is due again only when the operator asks for it.
        """
        if self.stays_retracted:
            return False
        due = self.row is not None and self.row.purchase_due
        return due or any(entry.record.log_type in PURCHASE_TYPES for entry in self.entries)

    @property
    def stays_retracted(self) -> bool:
        """Whether its purchase was retracted and no entry says that it shall be sent all the same."""
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
    def told(self) -> dict[str, int]:
        """What a log line says of it: where its newest entry lies in the journal topic."""
        return {"order_id": self.order_id, "log_id": self.log_id, "partition": self.partition, "offset": self.offset}

    @property
    def offset(self) -> int:
        """The newest offset this job answers for."""
        return max(entry.raw.offset for entry in self.entries)

    @property
    def event_id(self) -> str | None:
        """The purchase that exists, if any."""
        if self.known_event is not None:
            return self.known_event
        return self.row.event_id if self.row is not None else None

    @property
    def uncertain(self) -> bool:
        """Whether somebody may have a create of this order under way: an intent without an outcome."""
        return self.row is not None and self.row.outcome is Outcome.SENDING

    def join_followers(self) -> bool:
        """Take the later entries in; True when there were some, and the order must be read again."""
        if not self.followers:
            return False
        self.entries += self.followers
        self.followers = []
        return True


class Jobs:
    """The unfinished jobs by order id, and those that wait to be read, oldest first."""

    def __init__(self) -> None:
        self._by_order: dict[int, Job] = {}
        self.waiting: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._by_order)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._by_order.values()))

    def has(self, order_id: int) -> bool:
        """Whether the order has an unfinished job."""
        return order_id in self._by_order

    def join(self, entry: Entry) -> bool:
        """Give the entry to the unfinished job of its order; False when there is none."""
        job = self._by_order.get(entry.record.order_id)
        if job is None:
            return False
        (job.entries if job.step is Step.WAITING else job.followers).append(entry)
        return True

    def open(self, order_id: int, partition: int, entries: list[Entry], row: Delivery | None) -> Job:
        """Begin the job of an order that has none."""
        if order_id in self._by_order:
            raise ValueError(f"order {order_id} has an unfinished job")
        job = Job(order_id, partition, row, entries)
        self._by_order[order_id] = job
        self.waiting.append(job)
        return job

    def close(self, job: Job) -> list[Entry]:
        """End a job; return the entries that came meanwhile."""
        job.step = Step.DONE
        if self._by_order.get(job.order_id) is job:
            del self._by_order[job.order_id]
        return job.followers

    def abandon(self, partitions: set[int]) -> list[Job]:
        """Forget the jobs of these partitions: their entries stay uncommitted and come again."""
        gone = [job for job in self._by_order.values() if job.partition in partitions]
        for job in gone:
            job.abandoned = True
            del self._by_order[job.order_id]
        self.waiting = deque(job for job in self.waiting if not job.abandoned)
        return gone
