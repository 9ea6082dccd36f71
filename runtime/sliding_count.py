"""How many of something there were in the last minute."""

import threading
import time
from collections import deque
from collections.abc import Callable

SECONDS = 60.0


class Recent:
    """Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._times: deque[float] = deque()

    def add(self) -> None:
        """One more, now."""
        with self._lock:
            self._drop()
            self._times.append(self._clock())

    def count(self) -> int:
        """Return how many there were."""
        with self._lock:
            self._drop()
            return len(self._times)

    def _drop(self) -> None:
        since = self._clock() - SECONDS
        while self._times and self._times[0] <= since:
            self._times.popleft()
