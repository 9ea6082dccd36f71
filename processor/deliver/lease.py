"""The right to write: lost as soon as the main loop has not turned for longer than the limit.

A stopped process (SIGSTOP, a suspended VM) wakes up with requests ready to go, long after its partitions went to
another member. Heartbeats say nothing about that; the time since the loop's last turn does.
"""

from collections.abc import Callable


class LeaseLost(Exception):
    """The loop stood still for too long: nothing may be written any more under this lease."""


class Lease:
    """Turned by the main loop, checked by the workers at the instant a request body would be written."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = limit_seconds
        self._clock = clock
        self._turned_at = clock()
        self._lost = False

    def turn(self) -> None:
        """Note a turn of the loop; raise LeaseLost when the last one is too long ago."""
        now = self._clock()
        if self._lost or now - self._turned_at > self._limit:
            self._lost = True
            raise LeaseLost(f"the main loop stood still for {now - self._turned_at:.1f} s")
        self._turned_at = now

    def give_up(self) -> None:
        """Refuse every later write."""
        self._lost = True

    def check(self) -> None:
        """Raise LeaseLost unless the loop turned a moment ago."""
        if self._lost or self._clock() - self._turned_at > self._limit:
            raise LeaseLost("the lease is over: nothing was sent")
