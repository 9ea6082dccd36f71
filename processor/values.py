"""What the stages hand to one another, apart from entries and jobs (job.py) and endings (ending.py)."""

from dataclasses import dataclass
from typing import Any

from processor.decide.rules import Enriched
from processor.job import Job, Raw
from schemas.records import DeadLetter, Delivery


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Of source: a message that no version of this program can read, for the dead letters."""

    raw: Raw
    reason: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Passed:
    """Of coalesce: the ledger says that this entry was done before."""

    raw: Raw


@dataclass(frozen=True, slots=True)
class Read:
    """Of enrich: a job, and its order as it is now."""

    job: Job
    enriched: Enriched


@dataclass(frozen=True, slots=True)
class Intent:
    """Of deliver: a purchase of this job will be created for the contact once this lies in Kafka.

    `attempt` is deliver's own: what it gets back when the intent was acknowledged.
    """

    job: Job
    contact_id: str
    attempt: Any


@dataclass(frozen=True, slots=True)
class Released:
    """Of deliver: a job given up without an outcome, and nothing of it is under way: its intent can be taken back."""

    job: Job


@dataclass(frozen=True, slots=True)
class Recorded:
    """Of record: what the next transaction must hold of one order, or of one message that no order could be read from.

    `raws` have their outcome with it; `letters` = those that become dead letters. `value` = the row, encoded;
    `dead_streak` = dead letters in a row by then.
    """

    raws: tuple[Raw, ...]
    dead_streak: int
    job: Job | None = None
    row: Delivery | None = None
    value: bytes = b""
    letters: tuple[tuple[Raw, DeadLetter], ...] = ()
    settle_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """Of record: a job that failed as the breaker's trial; it has no outcome, and comes again."""

    job: Job


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Of commit: an intent is in Kafka, by a transaction begun at a time (loop's clock); `value` = its encoded row."""

    intent: Intent
    began: float
    value: bytes
