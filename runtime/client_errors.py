"""What a Kafka client complains about, as log lines of ours: the same kind of trouble once in a while, not at each try.

librdkafka itself writes a line for every connection it can't make, twenty a second from each client.
"""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from runtime.logging import get_logger

AGAIN_SECONDS = 10.0

log = get_logger(__name__)


def told_by(error: Exception) -> str:
    """Return the sentence in one of the Kafka client's exceptions; of another one, what it says."""
    cause = error.args[0] if error.args else None
    return str(cause.str()) if cause is not None and hasattr(cause, "str") else str(error)


class Complaints:
    """A client's `error_cb`; it is called from the client's own poll."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Tell it unless one of its kind was told lately; a whole outage has one kind or two."""
        now, kind = self._clock(), error.name()
        if kind != "_ALL_BROKERS_DOWN" and now - self._told.get(kind, float("-inf")) >= AGAIN_SECONDS:
            self._told[kind] = now
            log.warning("Kafka client in trouble; it tries again by itself", error=error.str(), kind=kind)
