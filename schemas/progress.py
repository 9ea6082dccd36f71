"""What the committed offset's metadata say: of which topic it is, up to where a replay goes, which gap is open.

Written by the processors with every offset, by `bl2sm replay` with a reset; read by them and by the producer, which
closes a gap (entries that expired before they were read) from the orders by date.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries of one partition that nobody will read: everything after `since` (unix seconds) may be concerned.

    0 = everything since the producer's first start. `gap_id` is unique; the producer notes in its cursor which ones
    it has closed.
    """

    gap_id: str
    since: int


@dataclass(frozen=True, slots=True)
class Progress:
    """`replay_until`: entries below it are applied again (0 = none). `dead_streak`: dead letters in a row.

    `at`: unix seconds of the commit, 0 = not told. `gap`: the last one that was found in this partition.
    """

    topic_id: str = ""
    replay_until: int = 0
    dead_streak: int = 0
    at: int = 0
    gap: Gap | None = None

    def encode(self) -> str:
        """Return the metadata text."""
        told: dict[str, object] = {
            "topic": self.topic_id,
            "replay_until": self.replay_until,
            "dead_streak": self.dead_streak,
            "at": self.at,
        }
        if self.gap is not None:
            told["gap"] = [self.gap.gap_id, self.gap.since]
        return json.dumps(told)


def read_progress(metadata: str | None) -> Progress | None:
    """Read metadata; None = not ours: another tool moved the offset."""
    try:
        found = json.loads(metadata or "")
        gap = found.get("gap")
        return Progress(
            str(found.get("topic", "")),
            int(found["replay_until"]),
            int(found.get("dead_streak", 0)),
            int(found.get("at", 0)),
            Gap(str(gap[0]), int(gap[1])) if gap else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
