"""Dead letters in a row: one bad message goes, a storm of them stops the program before it drains the topic.

A dead letter is held for a few seconds. A delivery meanwhile proves that the way is open: the held ones go. When the
row reaches the limit, counted across restarts (the count travels in the committed offset's metadata), nothing is
dead-lettered any more: the held ones wait, and one of them is tried again each minute.
"""

from dataclasses import dataclass, field

from processor.jobs import Job, Raw

HOLD_SECONDS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Death:
    """One thing that can't succeed: a job (with all its entries) or a single message."""

    raws: tuple[Raw, ...]
    job: Job | None
    reason: str
    error: Exception | None
    attempts: int
    at: float

    @property
    def partition(self) -> int:
        """Where its entries lie."""
        return self.raws[0].partition


@dataclass(slots=True)
class Deaths:
    """`streak` = dead letters recorded since the last delivery."""

    limit: int
    streak: int = 0
    held: list[Death] = field(default_factory=list)
    storm: bool = False  # the limit was reached: pause, also while one of the held is tried again

    def add(self, death: Death) -> None:
        """Hold one."""
        self.held.append(death)
        self.storm = self.storm or self.streak + len(self.held) >= self.limit

    def delivered(self) -> list[Death]:
        """Something went through: return the held ones to be recorded, unless they were a storm."""
        gone = [] if self.storm else self.held
        if gone:
            self.held = []
        self.streak = 0
        return gone

    def due(self, now: float, at_once: bool) -> list[Death]:
        """Return those held long enough."""
        if self.storm or not self.held:
            return []
        gone = [death for death in self.held if at_once or now - death.at >= HOLD_SECONDS]
        self.held = [death for death in self.held if death not in gone]
        self.streak += len(gone)
        return gone

    def drop(self, partitions: set[int]) -> None:
        """Forget those of partitions that were given up."""
        self.held = [death for death in self.held if death.partition not in partitions]
        self.storm = self.storm and bool(self.held)

    def pop_all(self) -> list[Death]:
        """Return all held ones, to be tried again now that the way is open."""
        gone, self.held, self.streak, self.storm = self.held, [], 0, False
        return gone
