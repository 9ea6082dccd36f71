"""Does Kafka take what is recorded? Known over memberships, for a refused transaction may well end one.

After a refusal nothing is sent until a transaction was taken: what is sent and can't be recorded would be sent again by
each membership that follows.
"""

from collections.abc import Callable

from runtime.health import Health

TOLD_REFUSALS, LONGEST_PAUSE_SECONDS = 3, 30.0
FORGOTTEN_SECONDS = 60.0  # without a new refusal: what was refused has another owner now, or is dropped


class Commits:
    """A readiness check of its own: `commits` fails after three refusals in a row, until a transaction is taken."""

    def __init__(self, health: Health, clock: Callable[[], float]) -> None:
        self._health, self._clock = health, clock
        self._refused, self._at = 0, 0.0
        health.set_ready("commits", True)

    @property
    def doubted(self) -> bool:
        """Whether the last one was refused: nothing more may be sent, for it could not be recorded."""
        return self._refused > 0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before joining anew: longer after each refusal."""
        return min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._refused - 2)) if self._refused > 1 else 0.0

    def refused(self, why: str) -> None:
        """Note that a transaction was not taken."""
        self._refused, self._at = self._refused + 1, self._clock()
        if self._refused >= TOLD_REFUSALS:
            self._health.set_ready("commits", False, f"Kafka did not take the last {self._refused} transactions: {why}")

    def taken(self) -> None:
        """Note that one was."""
        if self._refused:
            self._refused = 0
            self._health.set_ready("commits", True)

    def turn(self) -> None:
        """Forget refusals that are long past."""
        if self._refused and self._clock() - self._at >= FORGOTTEN_SECONDS:
            self.taken()
