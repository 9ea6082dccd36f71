"""The circuit breaker of dead letters: one bad message goes, a run of refusals stops all before it drains the topic.

Closed: dead letters are counted by the kind of write that was refused. An answered write of a kind shows that the kind
is accepted, so its count starts again; contacts vouch for no purchase, and what needed no write vouches for nothing.
Open, once the limit is reached: nothing is taken and nothing dead-lettered. Half-open: one order a minute is tried,
another one each time; one that needs no write is no trial, and the next one is taken at once. Closed again by answered
writes alone. The count survives restarts in the offsets' metadata.
"""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from processor.ending import Write

TRIAL_SECONDS, TRIAL_LASTS_SECONDS = 60.0, 600.0


@dataclass(slots=True)
class DeadLetterBreaker:
    """`counted` = dead letters by the kind that was refused, since a write that vouches for the kind was answered.

    Times are seconds on the loop's clock.
    """

    limit: int
    counted: Counter[Write] = field(default_factory=Counter)
    open: bool = False
    next_trial: float = 0.0

    @property
    def streak(self) -> int:
        """How many dead letters were recorded in a row."""
        return self.counted.total()

    def restore(self, streak: int) -> None:
        """Take over a count from before, at most one short of the limit: so a restart loop drains nothing.

        Of which kinds is not known, so only a purchase resets it.
        """
        if not self.open:
            self.counted[Write.PURCHASE] += max(0, min(streak, self.limit - 1) - self.streak)

    def recorded(self, write: Write) -> None:
        """A dead letter was recorded."""
        self.counted[write] += 1

    def check(self, held: Iterable[Write], now: float) -> bool:
        """Open where the recorded ones and the held ones reach the limit; True when that is so now."""
        writes = list(held)
        if self.open or self.streak + len(writes) < self.limit:
            return False
        self.open = True
        self.tried(now)
        self.counted.update(writes)
        return True

    def accepted(self, writes: Set[Write]) -> bool:
        """Writes of these kinds were answered; True when that closes it."""
        self.counted = Counter({write: count for write, count in self.counted.items() if write not in writes})
        if not self.open or self.streak >= self.limit:
            return False
        self.open = False
        return True

    def trial(self, now: float, idle: bool) -> bool:
        """Whether another entry is to be taken, to be tried: once the last trial is a minute ago, or is stuck."""
        if not self.open or now < self.next_trial:
            return False
        if not idle:
            if now < self.next_trial + TRIAL_LASTS_SECONDS:
                return False
            self.next_trial = now
        return True

    def tried(self, now: float) -> None:
        """A trial has ended, and did not close it: the next one a minute later."""
        self.next_trial = now + TRIAL_SECONDS
