"""When an API may be called: pauses for backpressure and outages, and the full stop for a wrong key."""

from collections import deque
from dataclasses import dataclass, field

STORM = 10
REMEMBERED, ILL_SHARE = 30, 0.3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
PROBE_SECONDS = 60.0


@dataclass(slots=True)
class Gate:
    """One API's door. Times are seconds on the loop's clock.

    Backpressure closes it for the time the API names, else for a growing pause. STORM failures in a row with no
    success between count as an outage: then one call at a time probes. A failure speaks against its order only while
    the API is well: while a good share of the last calls failed, whoever made them, no attempt is counted.
    A fatal error stops it until a probe, once a minute, succeeds.
    """

    name: str
    until: float = 0.0
    failures: int = 0
    pause: float = 0.0
    stopped: str | None = None
    why: str = ""
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # True = failed

    def admits(self, now: float, in_flight: int) -> bool:
        """Whether another call may start while so many are under way."""
        if self.stopped is not None or now < self.until:
            return False
        return in_flight == 0 if self.failures >= STORM else True

    def succeeded(self) -> None:
        """A trustworthy answer came."""
        self.failures, self.pause, self.why = 0, 0.0, ""
        self._last.append(False)

    def failed(self, now: float, why: str) -> bool:
        """A retriable failure; True when it speaks against its order rather than against the API."""
        self.failures += 1
        self._last.append(True)
        if self.failures >= STORM:
            self._close(now, None, why)
            return False
        return sum(self._last) < ILL_SHARE * len(self._last)

    def pushed_back(self, now: float, seconds: float | None, why: str) -> None:
        """The API asks for a pause of so many seconds, or of no stated length."""
        self._close(now, seconds, why)

    def stop(self, now: float, why: str) -> None:
        """A wrong key or setting: nothing goes until a probe succeeds."""
        self.stopped, self.until = why, now + PROBE_SECONDS

    def probe_due(self, now: float) -> bool:
        """Whether the stopped side should be asked once."""
        return self.stopped is not None and now >= self.until

    def probing(self, now: float) -> None:
        """A probe goes out: the next one a minute later."""
        self.until = now + PROBE_SECONDS

    def mended(self) -> None:
        """The probe succeeded."""
        self.stopped, self.until = None, 0.0
        self.succeeded()

    def _close(self, now: float, seconds: float | None, why: str) -> None:
        self.why = why
        if seconds is not None:
            self.until = max(self.until, now + seconds)
        elif now >= self.until:  # many calls fail at once: the pause grows once
            self.pause = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, self.pause * 2))
            self.until = now + self.pause
