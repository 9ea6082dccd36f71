"""Does Kafka accept the transactions? Known over terms and memberships, for a rejected transaction may well end one."""

from runtime.health import Health

UNREADY_AFTER, LONGEST_PAUSE_SECONDS = 3, 30.0
FORGOTTEN_SECONDS = 60.0  # without another rejection: what was rejected has another owner now, or is dropped


class Refusals:
    """A readiness check of its own: `commits` fails after three rejections in a row, until a transaction is accepted.

    `now` is monotonic seconds.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._count, self._at = 0, 0.0
        health.set_ready("commits", True)

    @property
    def doubted(self) -> bool:
        """Whether the last transaction was rejected."""
        return self._count > 0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next try: longer after each rejection, at once after the first."""
        return min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._count - 2)) if self._count > 1 else 0.0

    def rejected(self, why: str, now: float) -> None:
        """Note that a transaction was rejected."""
        self._count, self._at = self._count + 1, now
        if self._count >= UNREADY_AFTER:
            self._health.set_ready("commits", False, f"Kafka rejected the last {self._count} transactions: {why}")

    def accepted(self) -> None:
        """Note that one was accepted."""
        if self._count:
            self._count = 0
            self._health.set_ready("commits", True)

    def turn(self, now: float) -> None:
        """Forget rejections that are long past."""
        if self._count and now - self._at >= FORGOTTEN_SECONDS:
            self.accepted()
