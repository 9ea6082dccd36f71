"""Does Kafka take what is recorded? Told over memberships, for a refused transaction may well end one."""

from collections.abc import Callable

from runtime.health import Health

TOLD_REFUSALS = 3
FORGOTTEN_SECONDS = 60.0  # without a new refusal: what was refused has another owner now, or is dropped


class Commits:
    """A readiness check of its own: `commits` fails after three refusals in a row, until a transaction is taken."""

    def __init__(self, health: Health, clock: Callable[[], float]) -> None:
        self._health, self._clock = health, clock
        self._refused, self._at = 0, 0.0
        health.set_ready("commits", True)

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
