"""Does Kafka accept what is recorded? Known over memberships, because a rejected transaction may well end one.

After a rejection nothing is sent until a transaction was accepted: what is sent and can't be recorded would be sent
again by each membership that follows.
"""

from collections.abc import Callable

from runtime.health import Health

REPORTED_REFUSALS, LONGEST_PAUSE_SECONDS = 3, 30.0
FORGOTTEN_SECONDS = 60.0  # without a new rejection: what was rejected has another owner now, or is dropped


class Refusals:
    """The readiness check `commits`: it fails after three rejections in a row, until a transaction is accepted."""

    def __init__(self, health: Health, clock: Callable[[], float]) -> None:
        self._health, self._clock = health, clock
        self._count, self._at = 0, 0.0
        health.set_ready("commits", True)

    @property
    def doubted(self) -> bool:
        """Whether the last one was rejected: nothing more may be sent, because it could not be recorded."""
        return self._count > 0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before joining again: longer after each rejection."""
        return min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._count - 2)) if self._count > 1 else 0.0

    def refused(self, why: str) -> None:
        """Note that a transaction was rejected."""
        self._count, self._at = self._count + 1, self._clock()
        if self._count >= REPORTED_REFUSALS:
            self._health.set_ready("commits", False, f"Kafka rejected the last {self._count} transactions: {why}")

    def accepted(self) -> None:
        """Note that one was accepted."""
        if self._count:
            self._count = 0
            self._health.set_ready("commits", True)

    def look(self) -> None:
        """Forget rejections that are long past."""
        if self._count and self._clock() - self._at >= FORGOTTEN_SECONDS:
            self.accepted()
