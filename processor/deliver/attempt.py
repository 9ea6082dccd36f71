"""What deliver knows of a job on its way to SALESmanago; written by deliver alone."""

from dataclasses import dataclass, field
from enum import Enum, auto

from processor.decide.rules import Send
from processor.ending import Write
from processor.job import Job


class Step(Enum):
    """Where an attempt stands; each names what happens next."""

    LANE = auto()
    PRELOOK = auto()
    UPSERT = auto()
    LOOK = auto()
    INTEND = auto()
    CREATE = auto()
    UPDATE = auto()


WRITES_EVENT = frozenset({Step.CREATE, Step.UPDATE})


@dataclass(slots=True, eq=False)
class Attempt:
    """`attempts` are the failures that speak against this order, `failures` all of them (they set the back-off).

    `intended_at`: when the transaction that holds its intent was begun, None = no intent that can be used;
    `intended_contact`: whom the intent in Kafka names, None = there is none of ours. `settle_until`: no look before.
    `slow_look`: the next look must be asked alone, so that it is as old as its answer. `answered`: the writes that
    SALESmanago has answered since the attempt got its lane. Times are seconds on the loop's clock.
    """

    job: Job
    send: Send
    fingerprint: str
    step: Step = Step.LANE
    contact_id: str | None = None
    keep_fields: bool = False
    attempts: int = 0
    failures: int = 0
    in_call: bool = False
    dropped: bool = False
    intended_at: float | None = None
    intended_contact: str | None = None
    settle_until: float = 0.0
    looked_at: float = 0.0
    slow_look: bool = False
    known_event: str | None = None
    not_shown_since: float | None = None
    refused_keys: int = 0
    answered: set[Step] = field(default_factory=set)

    @property
    def event_id(self) -> str | None:
        """The purchase that exists, if any."""
        if self.known_event is not None:
            return self.known_event
        return self.job.row.event_id if self.job.row is not None else None

    @property
    def intent_stays(self) -> bool:
        """Whether a create of this order may be alive, so that no intent in Kafka may be taken back."""
        return self.job.uncertain or self.settle_until > 0

    @property
    def refused_write(self) -> Write:
        """The write that it was on its way to when it failed."""
        if self.step is Step.UPDATE:
            return Write.UPDATE
        if self.step in {Step.LOOK, Step.INTEND, Step.CREATE}:
            return Write.PURCHASE
        return self._contact_write if self.step in {Step.PRELOOK, Step.UPSERT} else Write.NONE

    @property
    def accepted_writes(self) -> frozenset[Write]:
        """What its answered writes show to be accepted: a purchase stands for an update, too; no write, nothing."""
        found: set[Write] = {Write.NONE} if self.answered else set()
        if Step.UPSERT in self.answered:
            found.add(self._contact_write)
        if self.answered & WRITES_EVENT:
            found.add(Write.UPDATE)
        if Step.CREATE in self.answered:
            found.add(Write.PURCHASE)
        return frozenset(found)

    @property
    def _contact_write(self) -> Write:
        row = self.job.row
        return Write.KNOWN_CONTACT if row is not None and row.contact_id else Write.NEW_CONTACT
