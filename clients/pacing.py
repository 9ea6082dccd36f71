"""The share of BaseLinker's requests a process may use: paced, never in bursts, and halved after a block.

GCRA with a burst of one: requests are at least 60 / rate seconds apart. A new pacer and a raised rate start empty.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

TOOLS_PER_MINUTE = 5
PRODUCER_EXTRA_PER_MINUTE = 3
RECOVERY_SECONDS = 3600.0
LONGEST_NAP_SECONDS = 0.2


def tools_rate(budget: int) -> float:
    """Requests a minute of all tools together; more only where the budget is far above the standard plan's 100."""
    return max(float(TOOLS_PER_MINUTE), (budget - 100) / 16)


def producer_rate(poll_interval_seconds: float) -> float:
    """Requests a minute kept for the producer: its polls, and 3 for the settled pass, paging and the sweep."""
    return 60.0 / poll_interval_seconds + PRODUCER_EXTRA_PER_MINUTE


def processor_share(budget: int, poll_interval_seconds: float, owned: int, total: int) -> float:
    """Requests a minute of one processor: its part of what the producer and the tools leave."""
    if total <= 0:
        return 0.0
    return max(0.0, budget - producer_rate(poll_interval_seconds) - tools_rate(budget)) * owned / total


class PacerClosed(Exception):
    """The program is ending: no request any more."""


class Pacer:
    """Thread-safe. Times of `clock` are seconds; `now` gives UTC for blocks."""

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._clock, self._now = clock, now
        self._condition = threading.Condition()
        self._sleep = sleep
        self._rate = per_minute
        self._blocked_until: datetime | None = None
        self._halved_at: float | None = None
        self._floor = 1.0
        self._next = clock() + self._gap()
        self._closed = False

    @property
    def blocked_until(self) -> datetime | None:
        """The end of the block that is in force, if one is."""
        until = self._blocked_until
        return until if until is not None and until > self._now() else None

    @property
    def rate(self) -> float:
        """Requests a minute that are passed now: lower for an hour after a block."""
        return self._rate * self._factor()

    def take(self) -> None:
        """Wait for the next place; PacerClosed when the program ends meanwhile."""
        while True:
            with self._condition:
                if self._closed:
                    raise PacerClosed
                wait = self._wait()
                if wait <= 0:
                    self._next = self._clock() + self._gap()
                    return
                if self._sleep is None:
                    self._condition.wait(min(wait, LONGEST_NAP_SECONDS))
                    continue
            self._sleep(min(wait, 60.0))

    def set_rate(self, per_minute: float) -> None:
        """Change the share: a loss holds at once, a gain starts empty."""
        with self._condition:
            if per_minute != self._rate:
                self._rate = per_minute
                self._next = self._clock() + self._gap()
            self._condition.notify_all()

    def block_until(self, until: datetime) -> None:
        """Nobody passes before; the rate is halved from now and recovers over an hour."""
        with self._condition:
            if self._blocked_until is None or until > self._blocked_until:
                self._blocked_until = until
            self._floor = max(0.125, self._factor() / 2)
            self._halved_at = self._clock()

    def close(self) -> None:
        """Wake and refuse everyone."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _wait(self) -> float:
        until = self._blocked_until
        blocked = (until - self._now()).total_seconds() if until is not None else 0.0
        return max(blocked, self._next - self._clock())

    def _factor(self) -> float:
        if self._halved_at is None:
            return 1.0
        healed = (self._clock() - self._halved_at) / RECOVERY_SECONDS
        return min(1.0, self._floor + (1.0 - self._floor) * healed)

    def _gap(self) -> float:
        rate = self.rate
        return 60.0 / rate if rate > 0 else 3600.0
