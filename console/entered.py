"""New keys between their trial and the confirmation: in memory alone, for some minutes, and given out once."""

import threading
import time
from collections.abc import Callable, Mapping

KEPT_SECONDS = 600.0


class Entered:
    """Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._lock = threading.Lock()

    def keep(self, work_id: str, values: Mapping[str, str]) -> None:
        """Keep what a piece of work has tried."""
        with self._lock:
            self._forget()
            self._known[work_id] = (self._clock(), values)

    def take(self, work_id: str) -> Mapping[str, str] | None:
        """Return it and forget it; None where it is gone."""
        with self._lock:
            self._forget()
            found = self._known.pop(work_id, None)
        return found[1] if found is not None else None

    def _forget(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        self._known = {key: one for key, one in self._known.items() if one[0] >= oldest}
