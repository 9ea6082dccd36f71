"""The term's cursor, and the one way to move it: in the transaction that publishes the entries."""

from collections.abc import Callable, Sequence
from typing import Protocol

from producer.publish import NotPublished
from runtime.logging import get_logger
from runtime.metrics import Metrics
from schemas.records import Cursor, JournalEntry

AGAIN_SECONDS = 0.5

log = get_logger(__name__)


class Publishes(Protocol):
    """Publishes entries and cursor: both or none."""

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """NotPublished = none; Fenced = not known, give up."""


class Writer:
    """`cursor` is always the row that was committed last."""

    def __init__(
        self,
        publisher: Publishes,
        cursor: Cursor,
        metrics: Metrics,
        wait: Callable[[float], None],
        refused: Callable[[], None],
    ) -> None:
        self._publisher, self._metrics, self._wait, self._refused = publisher, metrics, wait, refused
        self.cursor = cursor

    def write(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """Publish, again and again until Kafka takes it; between two tries the topics are looked at."""
        while True:
            try:
                self._publisher.publish(entries, cursor)
                break
            except NotPublished as error:
                log.warning("Kafka did not take the transaction; trying again", error=str(error))
                self._wait(AGAIN_SECONDS)
                self._refused()
        self.cursor = cursor
        for entry in entries:
            self._metrics.entries.labels(origin=str(entry.origin)).inc()
        if entries:
            log.info("published", entries=len(entries), last_log_id=max(entry.log_id for entry in entries))
