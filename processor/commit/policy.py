"""When a transaction is begun: pure, on the loop's clock."""

from dataclasses import dataclass

COMMIT_SECONDS, INTENT_SECONDS, RETRY_SECONDS = 1.0, 0.05, 0.5
FULL_ROWS = 500


@dataclass(slots=True)
class CommitPolicy:
    """Once a second, at once where it is full, and often where purchases wait for their intents."""

    began_at: float = float("-inf")
    not_before: float = float("-inf")

    def due(self, now: float, rows: int, intents: int) -> bool:
        """Whether to begin now, with so many rows and intents."""
        if now < self.not_before:
            return False
        return rows >= FULL_ROWS or now - self.began_at >= (INTENT_SECONDS if intents else COMMIT_SECONDS)

    def began(self, now: float) -> None:
        """Note a beginning."""
        self.began_at = now

    def refused(self, now: float) -> None:
        """It was refused: wait a little before the next."""
        self.not_before = now + RETRY_SECONDS
