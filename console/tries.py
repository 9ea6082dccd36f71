"""How often a password may be tried: five times in five minutes from an address, thirty times from all together."""

import threading
from collections import deque

WINDOW_SECONDS = 300.0
MOST_EACH, MOST_ALL = 5, 30


class Tries:
    """Thread-safe; `now` are monotonic seconds. Only failures count."""

    def __init__(self) -> None:
        self._failed: deque[tuple[float, str]] = deque(maxlen=MOST_ALL)
        self._lock = threading.Lock()

    def judge(self, address: str, now: float, right: bool) -> float:
        """Return for how many seconds this address must wait, right or not; 0 = the try counted."""
        with self._lock:
            wait = self._left(address, now)
            if wait == 0 and not right:
                self._failed.append((now, address))
            return wait

    def wait(self, address: str, now: float) -> float:
        """Return for how many seconds this address must wait before its next try."""
        with self._lock:
            return self._left(address, now)

    def _left(self, address: str, now: float) -> float:
        recent = [(at, who) for at, who in self._failed if now - at < WINDOW_SECONDS]
        own = [at for at, who in recent if who == address]
        if len(own) >= MOST_EACH:
            return WINDOW_SECONDS - (now - own[-MOST_EACH])
        if len(recent) >= MOST_ALL:
            return WINDOW_SECONDS - (now - recent[0][0])
        return 0.0
