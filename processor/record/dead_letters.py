"""Dead letters in a row: one bad message goes, a storm of them stops the program before it drains the topic.

A dead letter is held for a few seconds. If SALESmanago accepts such a write of another order meanwhile, the fault lies
with this order: its dead letter is recorded, and the count of this kind starts again. When the count over all kinds
reaches the limit, across restarts (it travels in the committed offset's metadata), nothing is dead-lettered any more:
the held ones wait, and each minute one order is tried, a held one and one that was not tried yet in turn.
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from enum import Enum, auto

from processor.job import Job, Raw, Step

HOLD_SECONDS = 5.0


class Write(Enum):
    """What SALESmanago is asked to write for an order, as far as it may refuse one and accept another."""

    NONE = auto()  # it failed before: the entry, the order or its decision
    NEW_CONTACT = auto()  # refused alone where the account holds no more contacts
    KNOWN_CONTACT = auto()
    UPDATE = auto()
    PURCHASE = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Death:
    """One thing that can't succeed: a job (with all its entries) or a single message. `write` = what was refused."""

    raws: tuple[Raw, ...]
    job: Job | None
    reason: str
    error: Exception | None
    attempts: int
    at: float
    write: Write = Write.NONE

    @property
    def partition(self) -> int:
        """Where its entries lie."""
        return self.raws[0].partition


@dataclass(slots=True)
class Deaths:
    """`recorded` = dead letters by the write that they were refused, since one was answered that vouches for it.

    Contacts vouch for no purchase: they are answered all the time while every purchase is refused.
    """

    limit: int
    recorded: Counter[Write] = field(default_factory=Counter)
    held: list[Death] = field(default_factory=list)
    storm: bool = False  # the limit was reached: pause, also while one of the held is tried again

    @property
    def streak(self) -> int:
        """How many dead letters were recorded in a row."""
        return self.recorded.total()

    def restore(self, streak: int) -> None:
        """Take over a count from before; of which kinds is not known, so only a purchase resets it."""
        self.recorded[Write.PURCHASE] += max(0, streak - self.streak)

    def add(self, death: Death) -> None:
        """Hold one."""
        self.held.append(death)
        self.storm = self.storm or self.streak + len(self.held) >= self.limit

    def answered(self, writes: Set[Write]) -> list[Death]:
        """These are accepted: return the held ones to record, or to try again if a storm ends."""
        recorded = Counter({write: count for write, count in self.recorded.items() if write not in writes})
        unproven = [death for death in self.held if death.write not in writes]
        left = recorded.total() + len(unproven)
        if left == self.streak + len(self.held):  # nothing of these kinds
            return []
        self.recorded = recorded
        if self.storm and left >= self.limit:
            return []
        gone = self.held if self.storm else [death for death in self.held if death.write in writes]
        self.held, self.storm = [] if self.storm else unproven, False
        return gone

    def tried(self) -> None:
        """One that was held has ended without proving anything; with none left to try, the pause is over."""
        self.storm = self.storm and bool(self.held)

    def due(self, now: float, at_once: bool) -> list[Death]:
        """Return those held long enough."""
        if self.storm or not self.held:
            return []
        gone = [death for death in self.held if at_once or now - death.at >= HOLD_SECONDS]
        self.held = [death for death in self.held if death not in gone]
        self.recorded.update(death.write for death in gone)
        return gone

    def drop(self, partitions: set[int]) -> None:
        """Forget those of partitions that were given up."""
        self.held = [death for death in self.held if death.partition not in partitions]
        self.storm = self.storm and bool(self.held)


def refused_write(job: Job) -> Write:
    """The write that an order was on its way to when it failed."""
    if job.step is Step.UPDATE:
        return Write.UPDATE
    if job.step in {Step.INTEND, Step.LOOK, Step.CREATE}:
        return Write.PURCHASE
    return _contact(job) if job.step in {Step.PRELOOK, Step.UPSERT} else Write.NONE


def vouched(job: Job) -> frozenset[Write]:
    """What an order's answered writes show to be accepted: a purchase stands for an update, too; no write, nothing."""
    found: set[Write] = {Write.NONE} if job.answered else set()
    if Step.UPSERT in job.answered:
        found.add(_contact(job))
    if job.answered & {Step.CREATE, Step.UPDATE}:
        found.add(Write.UPDATE)
    if Step.CREATE in job.answered:
        found.add(Write.PURCHASE)
    return frozenset(found)


def _contact(job: Job) -> Write:
    return Write.KNOWN_CONTACT if job.row is not None and job.row.contact_id else Write.NEW_CONTACT
