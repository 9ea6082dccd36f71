"""What the committed offset's metadata says: whose it is, of which topic, and up to where a replay goes."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`replay_until`: entries below it are applied again (0 = none). `dead_streak`: dead letters in a row."""

    topic_id: str = ""
    replay_until: int = 0
    dead_streak: int = 0

    def encode(self) -> str:
        """Return the metadata text."""
        return json.dumps({"topic": self.topic_id, "replay_until": self.replay_until, "dead_streak": self.dead_streak})


def read_progress(metadata: str | None) -> Progress | None:
    """Read metadata; None = not ours: another tool moved the offset."""
    try:
        found = json.loads(metadata or "")
        return Progress(str(found.get("topic", "")), int(found["replay_until"]), int(found.get("dead_streak", 0)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
