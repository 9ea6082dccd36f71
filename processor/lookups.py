"""Who is the Allegro buyer: phone → e-mail of an earlier order elsewhere, remembered in memory only (design §6)."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clients import Order, OrderSummary
from processor.phones import normal, spellings
from processor.rules import RuleSettings, is_allegro, is_masked, is_usable
from processor.windows import Windows

MOST_PHONES, MOST_ORDERS_A_PHONE, MOST_CANDIDATES = 50_000, 5, 10
POSITIVE_SECONDS, NEGATIVE_SECONDS = 6 * 3600.0, 300.0


class Phones(Protocol):
    """The part of the BaseLinker client that finds orders by phone."""

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        """Return summaries."""


@dataclass(frozen=True, slots=True, repr=False)
class _Bought:
    email: str
    at: datetime
    order_id: int


@dataclass(slots=True)
class _Known:
    bought: list[_Bought]
    asked_at: float | None  # when all of the phone's orders were asked for


class Buyers:
    """Bounded in size and age; every order that passes by is remembered, so that many look-ups need no request."""

    def __init__(self, api: Phones, windows: Windows, rules: RuleSettings, clock: Callable[[], float]) -> None:
        self._api, self._windows, self._rules, self._clock = api, windows, rules, clock
        self._phones: OrderedDict[str, _Known] = OrderedDict()

    def note(self, order: Order) -> None:
        """Remember an order that a later look-up may need."""
        if not self._counts(order):
            return
        phone = phone_of(order)
        if phone is None or order.date_add is None:
            return
        known = self._known(phone)
        known.bought = [bought for bought in known.bought if bought.order_id != order.order_id]
        known.bought.append(_Bought(order.email, order.date_add, order.order_id))
        known.bought.sort(key=lambda bought: bought.at, reverse=True)
        del known.bought[MOST_ORDERS_A_PHONE:]

    def find(self, orders: Sequence[Order]) -> dict[int, str | None]:
        """Return the buyer's e-mail by order id; None = bought nowhere else before."""
        candidates: dict[str, list[int]] = {}
        for order in orders:
            phone = phone_of(order)
            if phone is None or self._answer(order, phone) is not None or self._fresh(phone):
                continue
            if phone not in candidates:
                candidates[phone] = self._candidates(phone)
        wanted = sorted({order_id for ids in candidates.values() for order_id in ids})
        self._windows.read(wanted, {}, set())  # feeds note()
        for phone in candidates:
            self._known(phone).asked_at = self._clock()
        return {
            order.order_id: self._answer(order, phone) if (phone := phone_of(order)) is not None else None
            for order in orders
        }

    def _candidates(self, phone: str) -> list[int]:
        found: dict[int, OrderSummary] = {}
        for spelling in spellings(phone):
            found |= {summary.order_id: summary for summary in self._api.orders_by_phone(spelling)}
        newest = sorted(
            found.values(),
            key=lambda summary: (summary.date_add.timestamp() if summary.date_add else 0.0, summary.order_id),
            reverse=True,
        )
        return [summary.order_id for summary in newest[:MOST_CANDIDATES]]

    def _answer(self, order: Order, phone: str) -> str | None:
        known = self._phones.get(phone)
        if known is None or order.date_add is None:
            return None
        before = [bought for bought in known.bought if bought.at < order.date_add and bought.order_id != order.order_id]
        return before[0].email if before else None

    def _fresh(self, phone: str) -> bool:
        known = self._phones.get(phone)
        if known is None or known.asked_at is None:
            return False
        return self._clock() - known.asked_at < (POSITIVE_SECONDS if known.bought else NEGATIVE_SECONDS)

    def _known(self, phone: str) -> _Known:
        known = self._phones.setdefault(phone, _Known([], None))
        self._phones.move_to_end(phone)
        while len(self._phones) > MOST_PHONES:
            self._phones.popitem(last=False)
        return known

    def _counts(self, order: Order) -> bool:
        return (
            order.confirmed
            and not is_allegro(order)
            and order.order_source.lower() != "order_return"
            and not is_masked(order.email, self._rules)
            and is_usable(order.email)
        )


def phone_of(order: Order) -> str | None:
    """Return the order's phone in normal form; None for none and for dummies."""
    return normal(order.phone, order.delivery_country_code or order.invoice_country_code) if order.phone else None
