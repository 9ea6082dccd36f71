"""From order ids to all that the decision needs: the orders, the hidden buyers' e-mails, the sources' names."""

from collections.abc import Callable, Sequence
from typing import Protocol

from clients import Order, OrderSummary, RetriableError
from processor.decide.rules import Enriched, RuleSettings, needs_buyer
from processor.enrich.buyers import Buyers
from processor.enrich.coverage import Coverage
from processor.enrich.order_pages import OrderPages, Orders

SOURCES_SECONDS, SOURCES_AGAIN_SECONDS = 3600.0, 300.0
PROOF_SECONDS = 15.0
HAND_ON_SECONDS = 5.0  # what is read by then is handed on: where the budget is short, a batch takes minutes


class Api(Orders, Protocol):
    """The part of the BaseLinker client that is read here; `answers` counts the calls that were answered."""

    @property
    def answers(self) -> int:
        """How many."""

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        """Return summaries."""

    def order_sources(self) -> dict[str, dict[int, str]]:
        """Return group → id → name."""


class Enricher:
    """`enrich` is called by one thread. An error ends the call; a repeat with the same ids continues where it ended."""

    def __init__(
        self,
        api: Api,
        rules: RuleSettings,
        clock: Callable[[], float],
        noted: Callable[[Order], None] = lambda order: None,
    ) -> None:
        self._api, self._clock, self._noted = api, clock, noted  # `noted` gets every order that is read
        self.rules = rules  # may be exchanged at any time: the next call goes by them
        self._windows = OrderPages(api, self._note, coverage=Coverage(clock))
        self._buyers = Buyers(api, self._windows, rules, clock)  # told of every order by the windows
        self._found: dict[int, Order] = {}
        self._asked: set[int] = set()
        self._sources: dict[str, dict[int, str]] = {}
        self._sources_at: float | None = None
        self.shown_at: float | None = None  # when BaseLinker showed any order last

    @property
    def answers(self) -> int:
        """How many of BaseLinker's answers it had, over all calls: did a failed call get anywhere?"""
        return self._api.answers

    def enrich(self, order_ids: Sequence[int], most_look_ups: int | None = None) -> dict[int, Enriched]:
        """Return every id's order as it is now; ApiError when BaseLinker fails, PacerClosed when the program ends.

        With `most_look_ups`, orders beyond so many phone look-ups are left out of the answer, to be asked for again:
        a look-up costs several requests, and the others need not wait for it. The same goes for orders that are not
        read within some seconds.
        """
        rules = self.rules
        self._buyers.use(rules)
        self._asked &= set(order_ids)
        self._found = {order_id: order for order_id, order in self._found.items() if order_id in self._asked}
        until = self._clock() + HAND_ON_SECONDS
        self._windows.read(order_ids, self._found, self._asked, lambda: self._clock() >= until)
        orders = [self._found[order_id] for order_id in dict.fromkeys(order_ids) if order_id in self._found]
        if order_ids and not orders:
            self._prove()
        unnamed = [order for order in orders if needs_buyer(order, rules)]
        later = self._beyond(unnamed, most_look_ups)
        unread = {order_id for order_id in order_ids if order_id not in self._asked}
        buyers = self._buyers.find([order for order in unnamed if order.order_id not in later])
        sources = self._named_sources(orders, rules)
        answers = {
            order_id: Enriched(self._found.get(order_id), buyers.get(order_id), sources)
            for order_id in order_ids
            if order_id not in later and order_id not in unread
        }
        self._found = {order_id: self._found[order_id] for order_id in later}
        self._asked = later
        return answers

    def _beyond(self, orders: Sequence[Order], most_look_ups: int | None) -> set[int]:
        if most_look_ups is None:
            return set()
        asking = [order.order_id for order in orders if self._buyers.must_ask(order)]
        return set(asking[max(1, most_look_ups) :])

    def forget(self, order_id: int) -> None:
        """Read this order anew, even where a failed call had read it already."""
        self._asked.discard(order_id)
        self._found.pop(order_id, None)

    def greet(self) -> None:
        """Make one harmless request: FatalError when the token is refused."""
        try:
            self._sources = self._api.order_sources()
            self._sources_at = self._clock()
        except RetriableError:  # does it fail, or only to tell the sources?
            for order in self._api.orders(include_unconfirmed=True):
                self._note(order)

    def _prove(self) -> None:
        """None of them is there: does BaseLinker list any order at all?"""
        if self.shown_at is None or self._clock() - self.shown_at >= PROOF_SECONDS:
            for order in self._api.orders(include_unconfirmed=True):
                self._note(order)

    def _note(self, order: Order) -> None:
        self.shown_at = self._clock()
        self._buyers.note(order)
        self._noted(order)

    def _named_sources(self, orders: Sequence[Order], rules: RuleSettings) -> dict[str, dict[int, str]]:
        if rules.tag_order_source not in {"name", "both"}:
            return self._sources
        now = self._clock()
        age = now - self._sources_at if self._sources_at is not None else SOURCES_SECONDS
        unknown = any(
            order.order_source and order.order_source_id not in self._sources.get(order.order_source, {})
            for order in orders
        )
        if age >= SOURCES_SECONDS or (unknown and age >= SOURCES_AGAIN_SECONDS):
            self._sources, self._sources_at = self._api.order_sources(), now
        return self._sources
