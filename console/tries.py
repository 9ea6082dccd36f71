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

    def wait(self, address: str, now: float) -> float:
        """Return for how many seconds this address must wait; 0 = it may try."""
        with self._lock:
            recent = [(at, who) for at, who in self._failed if now - at < WINDOW_SECONDS]
            own = [at for at, who in recent if who == address]
            if len(own) >= MOST_EACH:
                return WINDOW_SECONDS - (now - own[-MOST_EACH])
            if len(recent) >= MOST_ALL:
                return WINDOW_SECONDS - (now - recent[0][0])
            return 0.0

    def failed(self, address: str, now: float) -> None:
        """Note a wrong password."""
        with self._lock:
            self._failed.append((now, address))
