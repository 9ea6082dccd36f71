"""Has the group said what this member owns? For readiness, which must not be "ok" while nobody has answered.

A group whose coordinator does not answer lets its members wait without an error. Assigned by members, each one hears
what it owns, if nothing, too. Assigned by the broker (KIP-848), librdkafka tells a member that gets nothing of nothing:
there the word is taken as given once the coordinator has been up for a while, by the client's statistics.
"""

import json
from typing import Any

from runtime.kafka import assigned_by_broker
from runtime.settings import Settings

STATISTICS_MS = 1000
UP_MS = 5000


class GroupWord:
    """Of one consumer; used where its callbacks run."""

    def __init__(self, settings: Settings) -> None:
        self._by_broker = assigned_by_broker(settings)
        self._told = self._up = False

    @property
    def given(self) -> bool:
        """Whether the group has said what this member owns."""
        return self._told or self._up

    def config(self) -> dict[str, Any]:
        """Return what the consumer's configuration needs for it."""
        return {"statistics.interval.ms": STATISTICS_MS, "stats_cb": self._hear} if self._by_broker else {}

    def told(self) -> None:
        """Note it; called in `on_assign`, also where nothing is assigned."""
        self._told = True

    def lost(self) -> None:
        """Note that the group has thrown this member out; called in `on_lost`."""
        self._told = self._up = False

    def _hear(self, statistics: str) -> None:
        group = json.loads(statistics).get("cgrp", {})
        self._up = group.get("state") == "up" and group.get("stateage", 0) >= UP_MS
