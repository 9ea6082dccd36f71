"""Confirmed orders by date, paged so that none is lost at a page's edge: the same second again, seen ids dropped."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from clients import Order

PAGE = 100
SECOND = timedelta(seconds=1)


class Orders(Protocol):
    """One page of confirmed orders."""

    def __call__(self, confirmed_from: datetime) -> list[Order]:
        """Return at most 100 orders confirmed at or after a time."""


def confirmed_since(ask: Orders, since: datetime) -> Iterator[list[Order]]:
    """Yield each page's orders that were not yielded before, until there are no more."""
    at = since.replace(microsecond=0)
    seen: dict[int, datetime] = {}
    while True:
        page = ask(at)
        fresh = [order for order in page if order.order_id not in seen]
        seen |= {order.order_id: order.date_confirmed or at for order in page}
        if fresh:
            yield fresh
        if len(page) < PAGE:
            return
        last = max((order.date_confirmed or at for order in page), default=at)
        at = last if last > at else at + SECOND  # a whole page in one second: step over it
        seen = {order_id: when for order_id, when in seen.items() if when >= at - SECOND}
