"""The time for marks that are compared with BaseLinker's dates.

A lost order is the worst that can happen, a sweep too many only costs requests. So `now` is the earlier of two clocks:
ours, and BaseLinker's (the `Date` header of its last good answer, plus the monotonic time since then). If one of them
is ahead, no mark moves past orders that nobody looked at; if one is behind, sweeps look further back than needed. The
same holds where the header has nothing to do with the orders' dates (a stand-in that simulates time): it can only
lower a mark. A clock from before this program was written is ignored. Ages (how long an id is known, when the next
poll is due) are measured by `steady`, which no change of a clock moves.

What can't be noticed: both clocks ahead of the orders' dates, or ours ahead for good and no header. A mark that turns
out to lie in the future is not believed (sweep/schedule.py).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runtime.logging import get_logger

WRITTEN = datetime(2025, 1, 1, tzinfo=UTC)
TOLERATED = timedelta(minutes=5)
WARN_AGAIN = timedelta(hours=1)

log = get_logger(__name__)


class Clock:
    """`dated` returns the last time that BaseLinker sent, and the monotonic seconds at which it came."""

    def __init__(
        self,
        dated: Callable[[], tuple[datetime, float] | None] = lambda: None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dated, self._wall, self._seconds = dated, wall, seconds
        self._warned_at: datetime | None = None

    def now(self) -> datetime:
        """Return the earlier clock: for marks."""
        return min(self._believed())

    def latest(self) -> datetime:
        """Return the later clock."""
        return max(self._believed())

    def ahead(self) -> timedelta:
        """Return how far our own clock is ahead of `now`."""
        return max(timedelta(), self._wall() - self.now())

    def steady(self) -> datetime:
        """Return a time for ages only: it is no date."""
        return WRITTEN + timedelta(seconds=self._seconds())

    def warn(self) -> None:
        """Log that the clocks differ, at most once per hour."""
        theirs, ours, steady = self._theirs(), self._wall(), self.steady()
        if theirs is None or abs(ours - theirs) <= TOLERATED:
            return
        if self._warned_at is None or steady - self._warned_at >= WARN_AGAIN:
            self._warned_at = steady
            log.error(
                "this machine's clock differs from BaseLinker's: correct it; until then sweeps look further back",
                seconds_ahead=round((ours - theirs).total_seconds()),
            )

    def _theirs(self) -> datetime | None:
        dated = self._dated()
        if dated is None or dated[0] < WRITTEN:
            return None
        return dated[0] + timedelta(seconds=self._seconds() - dated[1])

    def _believed(self) -> list[datetime]:
        theirs, ours = self._theirs(), self._wall()
        if theirs is None:
            return [ours]
        return [theirs] if ours < WRITTEN else [theirs, ours]
