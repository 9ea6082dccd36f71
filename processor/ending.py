"""How a job ended: what enrich, decide and deliver hand to record."""

from dataclasses import dataclass
from enum import Enum, auto

from processor.job import Job
from schemas.records import Outcome


class Write(Enum):
    """What SALESmanago is asked to write for an order, as far as it may refuse one kind and accept another."""

    NONE = auto()  # it failed before: the entry, the order or its decision
    NEW_CONTACT = auto()  # refused alone where the account holds no more contacts
    KNOWN_CONTACT = auto()
    UPDATE = auto()
    PURCHASE = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """A job's outcome, whole: record needs nothing else of the stage that it comes from.

    `fingerprint` and `with_purchase` say what was sent (None, False = nothing). `intended_contact` = the contact of
    the intent that lies in Kafka. `settle_until`: a create may be alive until then (loop's clock). `refused` = the kind
    of write that failed, `accepted` = the kinds that SALESmanago's answers show to be accepted.
    """

    job: Job
    outcome: Outcome
    reason: str
    event_id: str | None = None
    contact_id: str | None = None
    error: Exception | None = None
    attempts: int = 0
    fingerprint: str | None = None
    with_purchase: bool = False
    intended_contact: str | None = None
    settle_until: float = 0.0
    refused: Write = Write.NONE
    accepted: frozenset[Write] = frozenset()

    @property
    def not_before(self) -> float:
        """When it may be recorded: an order that is not sent after all keeps its intent while a create may be alive.

        Its row would say that nobody has to wait any more, and the next entry would look too early.
        """
        return 0.0 if self.outcome is Outcome.DELIVERED else self.settle_until
