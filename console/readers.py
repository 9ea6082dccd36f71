"""Open readers of Kafka, lent to one page or piece of work at a time: opening them anew costs more than most reads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from operations.kafka_reads import KafkaReads

MOST_KEPT = 4
IDLE_SECONDS = 240.0  # brokers end idle connections, after ten minutes by default


class Readers:
    """Thread-safe; to be closed. Readers that failed, or lay idle for long, are not lent again."""

    def __init__(self, make: Callable[[], KafkaReads], clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._clock = make, clock
        self._free: list[tuple[float, KafkaReads]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[KafkaReads]:
        """Lend readers to the caller alone, until the end of the block."""
        reads = self._take() or self._make()
        try:
            yield reads
        except BaseException:
            reads.close()
            raise
        with self._lock:
            kept = not self._closed and len(self._free) < MOST_KEPT
            if kept:
                self._free.append((self._clock(), reads))
        if not kept:
            reads.close()

    def close(self) -> None:
        """Close those that are free now, the others when they come back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for _, reads in free:
            reads.close()

    def _take(self) -> KafkaReads | None:
        """Return those given back last, None where there are none; the idle ones are closed."""
        oldest = self._clock() - IDLE_SECONDS
        with self._lock:
            idle = [reads for given, reads in self._free if given < oldest]
            self._free = [one for one in self._free if one[0] >= oldest]
            found = self._free.pop()[1] if self._free else None
        for reads in idle:
            reads.close()
        return found
