"""Confirmed orders by date, a page at a time, so that none is lost at a page's edge.

The same second again, seen ids dropped. One second that fills a page, and pages that are not sorted by confirmation,
are walked by order id beside the date.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from clients import Order
from producer.sweep.schedule import Wanted
from runtime.logging import get_logger
from schemas.records import JournalEntry, Origin

PAGE = 100
FULL = 90  # rows that can't be read are left out: such a page must not look like the last one
SECOND = timedelta(seconds=1)
CONFIRMED = 2
MOST_REMEMBERED = 50_000

log = get_logger(__name__)


class Paging:
    """Where to ask next; `take` hands back what is new on a page. A page that failed is simply asked for again."""

    def __init__(self, since: datetime) -> None:
        self.confirmed_from = since.replace(microsecond=0)
        self.id_from: int | None = None
        self.done = False
        self._whole_by_id = False
        self._seen: dict[int, datetime] = {}

    def take(self, page: Sequence[Order]) -> list[Order]:
        """Return the orders not seen before, each once, and move on."""
        at = self.confirmed_from
        dates = [order.date_confirmed or at for order in page]
        fresh = {order.order_id: order for order in page if order.order_id not in self._seen}
        self._seen |= {order.order_id: when for order, when in zip(page, dates, strict=True)}
        in_order = all(earlier <= later for earlier, later in pairwise(dates))
        if self.id_from is not None:
            self._by_id(page, dates, in_order)
        elif len(page) < FULL:
            self.done = True
        elif not in_order:
            log.warning("orders came not sorted by confirmation: reading them by id")
            self.id_from, self._whole_by_id = 1, True
        elif dates[-1] > at:
            self._step(dates[-1])
        else:
            self.id_from = max(order.order_id for order in page) + 1 if _ascending(page) else 1
        return list(fresh.values())

    def _by_id(self, page: Sequence[Order], dates: Sequence[datetime], in_order: bool) -> None:
        asked = self.id_from or 0
        highest = max((order.order_id for order in page), default=0) + 1
        if self._whole_by_id:
            self.done = len(page) < FULL or highest <= asked
            self.id_from = highest
            if self.done and len(page) >= FULL:
                log.error("orders can't be paged by id: some may be missing; see `bl2sm backfill`")
        elif len(page) < FULL or highest <= asked or (in_order and dates[-1] > self.confirmed_from):
            # this second is through; of the later ones the page shows only ids from the asked one on
            self._step(self.confirmed_from + SECOND)
        else:
            if not _ascending(page):  # what lies below the highest id of this page is not known
                log.error("a second with over 100 orders can't be paged by id: some may be missing", at=str(dates[0]))
            self.id_from = highest

    def _step(self, to: datetime) -> None:
        self.confirmed_from, self.id_from = to, None
        self._seen = {order_id: when for order_id, when in self._seen.items() if when >= to}


class Sweep:
    """One sweep under way: entries page by page; `done` after the last."""

    def __init__(self, wanted: Wanted, started: datetime) -> None:
        self.wanted, self.started = wanted, started
        self.paging = Paging(wanted.since)
        self.count = 0

    def entries(self, page: Sequence[Order], remembered: "Remembered") -> list[JournalEntry]:
        """Return what is to be published for a page."""
        found = [order for order in self.paging.take(page) if order.confirmed]
        if not self.wanted.again:
            found = [order for order in found if order not in remembered]
        self.count += len(found)
        return [
            JournalEntry(0, CONFIRMED, order.order_id, None, order.date_confirmed or self.started, Origin.BACKFILL)
            for order in found
        ]


class Remembered:
    """The confirmations that sweeps of this process published: the overlap of two sweeps names none of them twice."""

    def __init__(self) -> None:
        self._known: dict[int, datetime] = {}

    def __contains__(self, order: Order) -> bool:
        return order.date_confirmed is not None and self._known.get(order.order_id) == order.date_confirmed

    def add(self, entries: Iterable[JournalEntry]) -> None:
        """Note published entries; the oldest ones are forgotten when there are too many."""
        for entry in entries:
            self._known.pop(entry.order_id, None)
            self._known[entry.order_id] = entry.logged_at
        for order_id in list(self._known)[: max(0, len(self._known) - MOST_REMEMBERED)]:
            del self._known[order_id]


def _ascending(page: Sequence[Order]) -> bool:
    return all(one.order_id < other.order_id for one, other in pairwise(page))
