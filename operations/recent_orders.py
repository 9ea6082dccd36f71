"""About the last 100 orders of the shop, in one request: what `check` and `init` judge the settings by."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from clients import JournalLog, Order

MOST_ORDERS = 100  # orders an answer of getOrders holds (docs/apis.md, getOrders)
JOURNAL_DAYS, LONGEST_DAYS = 3.0, 30.0


class Orders(Protocol):
    """The part of the BaseLinker client that reads orders."""

    def orders(self, *, id_from: int | None = None, confirmed_from: datetime | None = None) -> list[Order]:
        """Return at most 100 confirmed orders from an id or a time on."""


def recent_orders(api: Orders, logs: Sequence[JournalLog], now: datetime) -> list[Order]:
    """Return at most 100 confirmed orders, newest first; `logs` = a page of the journal, which says where to begin.

    One request. ApiError as the client raises it.
    """
    ids = sorted({log.order_id for log in logs if log.order_id > 0}, reverse=True)
    if len(ids) >= MOST_ORDERS:
        found = api.orders(id_from=ids[MOST_ORDERS - 1])
    else:
        found = api.orders(confirmed_from=now - days_of_orders(len(ids)))
    return sorted(found, key=lambda order: order.order_id, reverse=True)[:MOST_ORDERS]


def days_of_orders(in_journal: int) -> timedelta:
    """Return how many days bring about 100 orders, where the journal's three days name so many."""
    days = LONGEST_DAYS if in_journal == 0 else 0.9 * MOST_ORDERS * JOURNAL_DAYS / in_journal
    return timedelta(days=min(max(days, JOURNAL_DAYS), LONGEST_DAYS))
