"""Orders read a moment ago, so that revealing asks nothing anew; in memory alone."""

import threading
import time

from clients import BaseLinker
from operations.explain import read_order
from processor.decide.rules import Enriched, RuleSettings

KEPT_SECONDS = 120.0


class Kept:
    """Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, RuleSettings], tuple[float, Enriched]] = {}
        self._lock = threading.Lock()

    def read(self, base: BaseLinker, rules: RuleSettings, order_id: int) -> Enriched:
        """Return an order as BaseLinker has it now, or had it within two minutes; ApiError as BaseLinker fails."""
        now = time.monotonic()
        with self._lock:
            self._known = {key: one for key, one in self._known.items() if now - one[0] < KEPT_SECONDS}
            known = self._known.get((order_id, rules))
        if known is not None:
            return known[1]
        found = read_order(base, rules, order_id)
        with self._lock:
            self._known[order_id, rules] = (now, found)
        return found
