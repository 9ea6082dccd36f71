"""The addresses of the orders read last, without the addresses: which domains look like unlisted relays.

In memory only, and bounded; thread-safe.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from clients import Order
from processor.decide.unlisted_relays import Sighting, sighting_of, unlisted_relays

MOST_ORDERS = 2_000


class RelayTally:
    """Each order counts once, as it was read last."""

    def __init__(self, listed: Sequence[str]) -> None:
        self._listed = tuple(listed)
        self._lock = threading.Lock()
        self._seen: OrderedDict[int, Sighting] = OrderedDict()

    def note(self, order: Order) -> None:
        """Count an order that was read."""
        sighting = sighting_of(order.email, self._listed)
        with self._lock:
            self._seen.pop(order.order_id, None)
            if sighting is not None:
                self._seen[order.order_id] = sighting
            if len(self._seen) > MOST_ORDERS:
                self._seen.popitem(last=False)

    def domains(self) -> dict[str, int]:
        """Return domain → orders of the domains that look like a relay."""
        with self._lock:
            seen = list(self._seen.values())
        return unlisted_relays(seen)
