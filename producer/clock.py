"""What time it is for marks that are compared with BaseLinker's dates.

An order lost is the worst, a sweep too many costs requests only. So `now` is the earlier one of two clocks: ours, and
BaseLinker's own (the `Date` header of its last good answer, carried on by a clock that never jumps). One of them ahead
then moves no mark past orders that nobody looked at; one of them behind makes sweeps look further back than needed.
Where the header's time has nothing to do with the orders' dates (a stand-in that simulates time) the same holds: the
header can only lower a mark. A clock from before this program was written is no clock. Ages (how long an id is known,
when the next poll is due) go by `steady`, which no change of a clock moves.

What can't be seen: both clocks ahead of the orders' dates, or ours ahead for good and no header. A mark that turns out
to lie in the future is not believed (due.py).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runtime.logging import get_logger

WRITTEN = datetime(2025, 1, 1, tzinfo=UTC)
TOLERATED = timedelta(minutes=5)
SAY_AGAIN = timedelta(hours=1)

log = get_logger(__name__)


class Clock:
    """`dated` = the last time BaseLinker told, and the steady seconds at which it did."""

    def __init__(
        self,
        dated: Callable[[], tuple[datetime, float] | None] = lambda: None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dated, self._wall, self._seconds = dated, wall, seconds
        self._said_at: datetime | None = None

    def now(self) -> datetime:
        """The earlier clock: for marks."""
        return min(self._believed())

    def latest(self) -> datetime:
        """The later clock."""
        return max(self._believed())

    def ahead(self) -> timedelta:
        """How far our own clock is before `now`."""
        return max(timedelta(), self._wall() - self.now())

    def steady(self) -> datetime:
        """For ages only: says nothing about the date."""
        return WRITTEN + timedelta(seconds=self._seconds())

    def warn(self) -> None:
        """Say that the clocks differ, at most once an hour."""
        theirs, ours, steady = self._theirs(), self._wall(), self.steady()
        if theirs is None or abs(ours - theirs) <= TOLERATED:
            return
        if self._said_at is None or steady - self._said_at >= SAY_AGAIN:
            self._said_at = steady
            log.error(
                "this machine's clock differs from BaseLinker's: set it right; until then sweeps look further back",
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
