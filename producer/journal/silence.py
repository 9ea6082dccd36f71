"""Is the journal switched off? Orders that were made and confirmed under our eyes, and no entry named them. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from clients import Order

MOST_NAMED = 20_000


class Silence:
    """`silent` = the journal should have named orders and did not.

    Only what happened while this process read the journal counts: no alarm about what a predecessor saw. `grace` = how
    much later than the order its entry may show up.
    """

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._named: dict[int, None] = {}
        self._since: datetime | None = None
        self.silent = False

    def watch(self, now: datetime) -> None:
        """The whole journal was read, for the first time since another producer had read it."""
        self._since = now + self._grace

    def forget(self) -> None:
        """Another producer reads the journal now."""
        self._since = None
        self.silent = False

    def named(self, order_ids: Iterable[int], now: datetime) -> None:
        """The journal named orders: it is switched on."""
        found = dict.fromkeys(order_ids)
        if not found:
            return
        for order_id in found:
            self._named.pop(order_id, None)
        self._named |= found
        for order_id in list(self._named)[: max(0, len(self._named) - MOST_NAMED)]:
            del self._named[order_id]
        if self._since is not None:
            self._since = max(self._since, now)
        self.silent = False

    def judge(self, orders: Iterable[Order], now: datetime) -> None:
        """Look at confirmed orders that a sweep found."""
        if self._since is not None and any(self._missed(order, self._since, now) for order in orders):
            self.silent = True

    def empty(self) -> None:
        """A first look: orders of the last days, and the journal named nothing at all."""
        self.silent = True

    def _missed(self, order: Order, since: datetime, now: datetime) -> bool:
        confirmed, added = order.date_confirmed, order.date_add
        return (
            order.confirmed
            and order.order_id not in self._named
            and confirmed is not None
            and since < confirmed <= now - self._grace
            and (added is None or added > since - self._grace)
        )
