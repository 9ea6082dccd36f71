"""Orders by id in few requests: getOrders has no list of ids, but `id_from` brings the shop's next 100 (api §3).

Ids are sorted and covered by greedy windows. What a window did not bring is asked for alone: a window proves presence,
never absence. A window and a single question cost the same request, so a window is asked for as soon as it is likely
to bring two wanted orders, by the width of the last full one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clients import Order

FULL_WINDOW = 100
TRY_AGAIN_AFTER = 10


class Orders(Protocol):
    """The part of the BaseLinker client that reads orders."""

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        """Return at most 100 orders."""


@dataclass(slots=True)
class Windows:
    """`seen` is told every order that passes by, and whether it was asked for alone.

    `width` = ids that the last full window covered, None = not known yet.
    """

    api: Orders
    seen: Callable[[Order, bool], None] = lambda order, alone: None
    width: int | None = None
    _alone_in_a_row: int = 0

    def read(
        self,
        wanted: Sequence[int],
        found: dict[int, Order],
        asked: set[int],
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Fill `found` and `asked` for the wanted ids; an error leaves what was read so far, for the next try.

        An id in `asked` that is not in `found` is of no order that BaseLinker knows. `enough` is asked after each
        request: ids that are not in `asked` by then are left for another time, the highest ones first.
        """
        left = [order_id for order_id in sorted(set(wanted)) if order_id not in asked]
        end_at: int | None = None
        before = len(asked)
        while left and not (len(asked) > before and enough()):
            if end_at is not None or not self._pays(left):
                self._alone(left.pop(0), found, asked)
                continue
            last, at_end = self._window(left, found, asked)
            for order_id in left:
                if order_id <= last and order_id not in asked and not enough():
                    self._alone(order_id, found, asked)
            left = [order_id for order_id in left if order_id not in asked]
            end_at = last if at_end else None  # nothing lies beyond: what is left is missing, or not to be had this way

    def _pays(self, left: Sequence[int]) -> bool:
        if len(left) < 2:
            return False
        if self.width is None or self._alone_in_a_row >= TRY_AGAIN_AFTER:
            return True
        return left[1] - left[0] <= self.width

    def _window(self, left: Sequence[int], found: dict[int, Order], asked: set[int]) -> tuple[int, bool]:
        """Ask from the first id on; return the last id that came, and whether the shop has no more."""
        first, wanted = left[0], set(left)
        brought = self.api.orders(id_from=first, include_unconfirmed=True)
        self._alone_in_a_row = 0
        for order in brought:
            self.seen(order, False)
            if order.order_id in wanted:
                found[order.order_id] = order
                asked.add(order.order_id)
        last = max((order.order_id for order in brought), default=first)
        if len(brought) >= FULL_WINDOW:
            self.width = max(0, last - first)
        return max(first, last), len(brought) < FULL_WINDOW

    def _alone(self, order_id: int, found: dict[int, Order], asked: set[int]) -> None:
        self._alone_in_a_row += 1
        for order in self.api.orders(order_id=order_id, include_unconfirmed=True):
            if order.order_id == order_id:
                self.seen(order, True)
                found[order_id] = order
        asked.add(order_id)
