"""Orders by id in few requests: getOrders has no list of ids, but `id_from` brings the shop's next 100.

Ids are sorted and covered by greedy windows. What a window did not bring is asked for alone: a window proves presence,
never absence. A window and a single question cost the same request, so a window is asked for as soon as it is likely
to bring two wanted orders, by the width of the last full one. While Allegro orders pass by, a window begins where the
last one ended if that is not far below: so what was seen has no gaps, and buyers are found without a question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clients import Order
from processor.enrich.coverage import COVERED_SECONDS, Coverage

FULL_WINDOW = 100
TRY_AGAIN_AFTER = 10
SMALL_GAP = 0.2  # of a window's width


class Orders(Protocol):
    """The part of the BaseLinker client that reads orders."""

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        """Return at most 100 orders."""


@dataclass(slots=True)
class OrderPages:
    """`seen` is told every order that passes by; `width` = ids the last full window covered, None = not known yet."""

    api: Orders
    seen: Callable[[Order], None] = lambda order: None
    width: int | None = None
    coverage: Coverage = field(default_factory=Coverage)
    unbroken_until: float = float("-inf")  # by the coverage's clock
    _inclusive: bool = False  # whether `id_from` was seen to bring that id itself
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
                    if order_id in found and order_id > left[0]:  # the window hid it: who knows what else
                        self.coverage.drop(left[0], last)
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
        first, wanted = self._begin(left[0]), set(left)
        at = self.coverage.clock()
        brought = self.api.orders(id_from=first, include_unconfirmed=True)
        self._alone_in_a_row = 0
        ids = {order.order_id for order in brought}
        for order in brought:
            self.seen(order)
            if order.order_id in wanted:
                found[order.order_id] = order
                asked.add(order.order_id)
        last = max(ids, default=first)
        self._inclusive = self._inclusive or first in ids
        if brought:
            self.coverage.add(first if self._inclusive else first + 1, last, at, brought)
        if len(brought) >= FULL_WINDOW:
            self.width = max(0, last - first)
        return max(left[0], last), len(brought) < FULL_WINDOW

    def keep_unbroken(self) -> None:
        """Leave no small gaps between windows for the time in which it matters: buyers are looked for in them."""
        self.unbroken_until = self.coverage.clock() + COVERED_SECONDS

    def _begin(self, wanted: int) -> int:
        """Return the id to ask from: right behind what was seen, if that ends just below, else the wanted one."""
        if self.coverage.clock() >= self.unbroken_until:
            return wanted
        end = self.coverage.end_before(wanted)
        width = FULL_WINDOW if self.width is None else self.width
        if end is None or wanted - end - 1 > SMALL_GAP * width:
            return wanted
        return end + 1 if self._inclusive else end

    def _alone(self, order_id: int, found: dict[int, Order], asked: set[int]) -> None:
        self._alone_in_a_row += 1
        at = self.coverage.clock()
        for order in self.api.orders(order_id=order_id, include_unconfirmed=True):
            if order.order_id == order_id:
                self.seen(order)
                found[order_id] = order
                self.coverage.extend(order, at)
        asked.add(order_id)
