"""Does this member know its assignment? Readiness must not be "ok" before the group has answered.

While a group's coordinator does not answer, its members wait without an error. With the classic protocol each member's
`on_assign` is called, also with no partitions. With the broker's assignor (KIP-848) librdkafka calls nothing where a
member gets no partition: there the assignment counts as known once the client's statistics show the coordinator as up
for a few seconds.
"""

import json
from typing import Any

from runtime.kafka import assigned_by_broker
from runtime.settings import Settings

STATISTICS_MS = 1000
UP_MS = 5000


class AssignmentKnown:
    """Of one consumer; used on the thread that polls it."""

    def __init__(self, settings: Settings) -> None:
        self._by_broker = assigned_by_broker(settings)
        self._assigned = self._up = False

    @property
    def known(self) -> bool:
        """Whether the group has said what this member owns."""
        return self._assigned or self._up

    def config(self) -> dict[str, Any]:
        """Return what to add to the consumer's configuration."""
        return {"statistics.interval.ms": STATISTICS_MS, "stats_cb": self._on_statistics} if self._by_broker else {}

    def assigned(self) -> None:
        """Note an assignment, also an empty one; called in `on_assign`."""
        self._assigned = True

    def lost(self) -> None:
        """Note that the group has removed this member; called in `on_lost`."""
        self._assigned = self._up = False

    def _on_statistics(self, statistics: str) -> None:
        group = json.loads(statistics).get("cgrp", {})
        self._up = group.get("state") == "up" and group.get("stateage", 0) >= UP_MS
