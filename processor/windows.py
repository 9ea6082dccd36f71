"""Orders by id in few requests: getOrders has no list of ids, but `id_from` brings the shop's next 100 (api §3).

Ids are sorted and covered by greedy windows. What a window did not bring is asked for alone: a window proves presence,
never absence. Where windows bring little that is wanted, fewer are tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clients import Order

TRY_AGAIN_AFTER = 25


class Orders(Protocol):
    """The part of the BaseLinker client that reads orders."""

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        """Return at most 100 orders."""


@dataclass(slots=True)
class Windows:
    """`span` = how many ids one window covered lately: tells whether another one pays. None = not known yet."""

    api: Orders
    seen: Callable[[Order], None] = lambda order: None
    span: float | None = None
    _alone_in_a_row: int = 0

    def read(self, wanted: Sequence[int], found: dict[int, Order], asked: set[int]) -> None:
        """Fill `found` and `asked` for all wanted ids; an error leaves what was read so far, for the next try."""
        open_ids = [order_id for order_id in sorted(set(wanted)) if order_id not in asked]
        while open_ids:
            first = open_ids[0]
            if not self._pays(open_ids):
                self._alone_in_a_row += 1
                self._alone(first, found)
                asked.add(first)
                open_ids = open_ids[1:]
                continue
            open_ids = self._window(first, open_ids, found, asked)

    def _pays(self, open_ids: Sequence[int]) -> bool:
        if len(open_ids) < 2:
            return False
        if self.span is None or self._alone_in_a_row >= TRY_AGAIN_AFTER:
            return True
        return open_ids[1] <= open_ids[0] + self.span

    def _window(self, first: int, open_ids: list[int], found: dict[int, Order], asked: set[int]) -> list[int]:
        brought = {order.order_id: order for order in self.api.orders(id_from=first, include_unconfirmed=True)}
        for order in brought.values():
            self.seen(order)
        ids = [order_id for order_id in brought if order_id >= first]
        last = max(ids, default=first)
        width = float(last - first) if len(ids) > 1 else 1.0
        self.span = width if self.span is None else (self.span + width) / 2
        self._alone_in_a_row = 0
        left = []
        for order_id in open_ids:
            if order_id in brought:
                found[order_id] = brought[order_id]
                asked.add(order_id)
            elif order_id <= last:
                self._alone(order_id, found)
                asked.add(order_id)
            else:
                left.append(order_id)
        if left and left[0] == first:  # the window brought nothing at all
            self._alone(first, found)
            asked.add(first)
            left = left[1:]
        return left

    def _alone(self, order_id: int, found: dict[int, Order]) -> None:
        for order in self.api.orders(order_id=order_id, include_unconfirmed=True):
            self.seen(order)
            if order.order_id == order_id:
                found[order_id] = order
