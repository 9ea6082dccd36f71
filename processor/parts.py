"""What a session stands on; made by main."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from clients import Pacer, SalesManago
from processor.commit.refusals import Commits
from processor.control.settings_watch import Live
from processor.deliver.state_machine import Limits
from processor.enrich.enricher import Enricher
from runtime.assignment_known import AssignmentKnown
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.program import CannotContinue
from schemas.codec import Codec
from schemas.topics import Topics


class WrongKey(CannotContinue):
    """Credentials or settings are refused: the sentence says what to mend."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a session stands on; made by main, kept over sessions."""

    consumer: Consumer
    group_word: AssignmentKnown
    loader: Consumer
    admin: AdminClient
    make_producer: Callable[[str], Producer]
    codec: Codec
    topics: Topics
    group_id: str
    sales: SalesManago
    enricher: Enricher
    greet_baselinker: Callable[[], object]
    token_verified: Event
    pacer: Pacer
    live: Live
    secret: bytes
    limits: Limits
    lease_seconds: float
    dead_letter_limit: int
    budget: int
    poll_interval_seconds: float
    partitions: int
    cooperative: bool
    clock: Callable[[], float]
    commits: Commits
    metrics: Metrics
    health: Health
