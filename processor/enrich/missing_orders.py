"""An order that BaseLinker does not show: not there yet, gone, or does it show nothing at all just now?

After a while without it the order is skipped as unknown, but only on proof that BaseLinker lists orders: one that it
showed since. A shop that was never seen to have any may be empty; a handful of unknown orders is believed there too.
"""

from collections.abc import Callable

from processor.job import Job, Jobs
from runtime.logging import get_logger

UNKNOWN_SECONDS, AGAIN_SECONDS = 30.0, 5.0
PROOF_AGAIN_SECONDS, ALARM_SECONDS = 20.0, 60.0

log = get_logger(__name__)


class Unknown:
    """`shown_at` = when BaseLinker showed any order last; `orders_known` = whether the ledger knows of some."""

    def __init__(
        self,
        jobs: Jobs,
        limit: int,
        shown_at: Callable[[], float | None],
        orders_known: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._jobs, self._limit, self._clock = jobs, limit, clock
        self._shown_at, self._orders_known = shown_at, orders_known
        self._alarm_at = float("-inf")
        self.nothing_listed = False

    def shown(self, job: Job) -> None:
        """BaseLinker shows the order: that it did not before says nothing any more."""
        job.unknown_since = None

    def again_in(self, job: Job) -> float | None:
        """Return after how many seconds to read the order again; None when it is unknown for good."""
        now = self._clock()
        since = job.unknown_since = job.unknown_since or now
        if now - since < UNKNOWN_SECONDS:
            return AGAIN_SECONDS
        shown_at = self._shown_at()
        waiting = sum(other.unknown_since is not None for other in self._jobs)
        maybe_empty = shown_at is None and waiting < self._limit and not self._orders_known()
        self.nothing_listed = not maybe_empty and (shown_at is None or shown_at < since)
        if not self.nothing_listed:
            return None
        if now - self._alarm_at >= ALARM_SECONDS:
            self._alarm_at = now
            log.error(
                "BaseLinker says success and lists no order at all: none is skipped as unknown until it lists some."
                " Look at BaseLinker's panel: are there orders, and is the token of this account?",
                waiting=waiting,
            )
        return PROOF_AGAIN_SECONDS
