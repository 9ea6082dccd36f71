"""The term's cursor, and the one way to move it: in the transaction that publishes the entries."""

from collections.abc import Sequence
from typing import Protocol

from runtime.logging import get_logger
from runtime.metrics import Metrics
from schemas.records import Cursor, JournalEntry

log = get_logger(__name__)


class Publishes(Protocol):
    """Publishes entries and cursor: both or none."""

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """NotCommitted = none; Fenced = not known, give up."""


class JournalWriter:
    """`cursor` is always the row that was committed last."""

    def __init__(self, publisher: Publishes, cursor: Cursor, metrics: Metrics) -> None:
        self._publisher, self._metrics = publisher, metrics
        self.cursor = cursor

    def write(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """Publish, and move the cursor; NotCommitted, Fenced, RegistryUnavailable: it was not moved."""
        self._publisher.publish(entries, cursor)
        self.cursor = cursor
        for entry in entries:
            self._metrics.entries.labels(origin=str(entry.origin)).inc()
        if entries:
            log.info("published", entries=len(entries), last_log_id=max(entry.log_id for entry in entries))
