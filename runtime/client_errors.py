"""A Kafka client's errors as text and as log lines: each kind at most once in ten seconds.

librdkafka itself writes a line for every connection it can't make, twenty per second and client.
"""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError

from runtime.logging import get_logger

AGAIN_SECONDS = 10.0

log = get_logger(__name__)


def describe(error: Exception) -> str:
    """Return the text of a KafkaException's error, or of any other exception."""
    cause = error.args[0] if error.args else None
    return str(cause.str()) if cause is not None and hasattr(cause, "str") else str(error)


class ClientErrorLog:
    """A client's `error_cb`; it is called from the client's own poll."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Log it, unless one of its kind was logged a moment ago; a whole outage has one kind or two."""
        now, kind = self._clock(), error.name()
        if kind != "_ALL_BROKERS_DOWN" and now - self._logged_at.get(kind, float("-inf")) >= AGAIN_SECONDS:
            self._logged_at[kind] = now
            log.warning("Kafka client error; the client tries again by itself", error=error.str(), kind=kind)
