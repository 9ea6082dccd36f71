"""In which currencies the last purchases came and what became of their values, as a gauge with few labels."""

from collections import Counter, deque

from prometheus_client import Gauge

from runtime.currencies import CURRENCIES

COUNTED = 100
UNNAMED, OTHER = "none", "other"


class LastCurrencies:
    """`note` is called by one thread; the gauge has the labels `currency` and `treatment`."""

    def __init__(self, gauge: Gauge, counted: int = COUNTED) -> None:
        self._gauge, self._counted = gauge, counted
        self._last: deque[tuple[str, str]] = deque()
        self._counts = Counter[tuple[str, str]]()

    def note(self, currency: str, treatment: str) -> None:
        """Count one purchase more; the oldest is counted no longer."""
        name = currency if currency in CURRENCIES else OTHER if currency else UNNAMED
        self._last.append((name, treatment))
        self._set((name, treatment), 1)
        if len(self._last) > self._counted:
            self._set(self._last.popleft(), -1)

    def _set(self, labels: tuple[str, str], more: int) -> None:
        self._counts[labels] += more
        if self._counts[labels]:
            self._gauge.labels(*labels).set(self._counts[labels])
        else:
            del self._counts[labels]
            self._gauge.remove(*labels)
