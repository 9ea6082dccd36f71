"""Who is the Allegro buyer: phone → e-mail of an earlier order elsewhere, remembered in memory only (design §6).

The newest order that counts names the buyer: same phone, confirmed, not Allegro's, a real e-mail, made before the order
in question. What passed by in windows a short while ago answers first, for its neighbours passed by too. An order that
was read alone, or long ago, says nothing of newer ones: BaseLinker is asked for the phone's orders, and these are read,
newest first, until one counts.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from clients import Order, OrderSummary
from processor.phones import has_country_code, is_filler, phone_of, spellings
from processor.rules import RuleSettings, is_allegro, is_masked, is_usable, source_of
from processor.windows import Windows

MOST_PHONES, MOST_ORDERS, MOST_BOUGHT_BY_ONE, MOST_NEVER = 50_000, 60_000, 50, 50_000
MOST_CANDIDATES, MOST_SUMMARIES = 10, 200
REMEMBERED_SECONDS, WINDOW_SECONDS, ASKED_SECONDS = 6 * 3600.0, 900.0, 300.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Phones(Protocol):
    """The part of the BaseLinker client that finds orders by phone."""

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        """Return summaries."""


@dataclass(frozen=True, slots=True, repr=False)
class _Bought:
    """An order that counts."""

    order_id: int
    email: str
    made_at: datetime
    noted_at: float
    alone: bool


@dataclass(slots=True, repr=False)
class _Known:
    """What is known of a phone: `summaries`, newest first, as told at `asked_at`; `refused` = read since in vain."""

    bought: dict[int, _Bought] = field(default_factory=dict)
    summaries: tuple[OrderSummary, ...] = ()
    asked_at: float | None = None
    refused: set[int] = field(default_factory=set)


class Buyers:
    """Bounded in size and age; every order that passes by is remembered, so that many look-ups need no request."""

    def __init__(self, api: Phones, windows: Windows, rules: RuleSettings, clock: Callable[[], float]) -> None:
        self._api, self._windows, self._rules, self._clock = api, windows, rules, clock
        self._phones: OrderedDict[str, _Known] = OrderedDict()
        self._phone_of: dict[int, str] = {}
        self._never: OrderedDict[int, None] = OrderedDict()
        self._looking_up = False

    def note(self, order: Order, alone: bool = False) -> None:
        """Remember an order that a later look-up may need; forget what it was before. `alone` = in no window."""
        self._forget(order.order_id)
        if source_of(order) in {"allegro", "order_return"}:
            self._never[order.order_id] = None
            while len(self._never) > MOST_NEVER:
                self._never.popitem(last=False)
        phone = matchable(order)
        if phone is None or order.date_add is None or not self._counts(order):
            return
        bought = self._known(phone).bought
        bought[order.order_id] = _Bought(
            order.order_id, order.email.strip(), order.date_add, self._clock(), alone or self._looking_up
        )
        self._phone_of[order.order_id] = phone
        if len(bought) > MOST_BOUGHT_BY_ONE:
            self._forget(min(bought.values(), key=lambda one: one.made_at).order_id)
        while len(self._phone_of) > MOST_ORDERS:
            self._forget_oldest()

    def find(self, orders: Sequence[Order]) -> dict[int, str | None]:
        """Return the buyer's e-mail by order id; None = bought nowhere else before.

        An ApiError ends it; what was learned until then is kept and not asked for again soon.
        """
        phones = {order.order_id: phone for order in orders if (phone := matchable(order)) is not None}
        answers: dict[int, str | None] = {order.order_id: None for order in orders}
        asking = []
        for order in orders:
            if order.order_id in phones:
                answers[order.order_id] = self._remembered(order, phones[order.order_id])
                if answers[order.order_id] is None:
                    asking.append(order)
        candidates = {order.order_id: self._candidates(order, phones[order.order_id]) for order in asking}
        read: dict[int, Order] = {}
        asked: set[int] = set()
        while asking := [order for order in asking if answers[order.order_id] is None and candidates[order.order_id]]:
            # a round reads the next candidate of every order that has no answer yet, in shared windows
            turn = {order.order_id: candidates[order.order_id].pop(0) for order in asking}
            for order in asking:
                answers[order.order_id] = self._read_lately(order, phones[order.order_id], turn[order.order_id])
            asking = [order for order in asking if answers[order.order_id] is None]
            turn = {order.order_id: turn[order.order_id] for order in asking}
            self._looking_up = True
            try:
                self._windows.read(list(turn.values()), read, asked)
            finally:
                self._looking_up = False
            for order in asking:
                candidate, phone = read.get(turn[order.order_id]), phones[order.order_id]
                if candidate is None or not self._counts(candidate) or matchable(candidate) != phone:
                    self._known(phone).refused.add(turn[order.order_id])
                elif _earlier(candidate, order):
                    answers[order.order_id] = candidate.email.strip()
        return answers

    def must_ask(self, order: Order) -> bool:
        """Whether `find` would have to ask BaseLinker for this order's phone."""
        phone = matchable(order)
        if phone is None or order.date_add is None or self._remembered(order, phone) is not None:
            return False
        return not self._fresh(self._phones.get(phone))

    def _remembered(self, order: Order, phone: str) -> str | None:
        known = self._phones.get(phone)
        if known is None or order.date_add is None:
            return None
        self._phones.move_to_end(phone)
        oldest = self._clock() - REMEMBERED_SECONDS
        before = [one for one in known.bought.values() if one.made_at < order.date_add and one.noted_at >= oldest]
        if not before:
            return None
        newest = max(before, key=lambda one: (one.made_at, one.order_id))
        if not newest.alone and self._clock() - newest.noted_at <= WINDOW_SECONDS:
            return newest.email
        # nothing newer is left unread, as far as BaseLinker told lately
        return newest.email if self._fresh(known) and self._first(order, known) == newest.order_id else None

    def _read_lately(self, order: Order, phone: str, number: int) -> str | None:
        bought = self._known(phone).bought.get(number)
        if bought is None or order.date_add is None or bought.made_at >= order.date_add:
            return None
        return bought.email if self._clock() - bought.noted_at <= ASKED_SECONDS else None

    def _first(self, order: Order, known: _Known) -> int | None:
        return next(iter(self._may_count(order, known)), None)

    def _may_count(self, order: Order, known: _Known) -> list[int]:
        made_at = order.date_add
        ids = [one.order_id for one in known.summaries if one.date_add is None or (made_at and one.date_add < made_at)]
        newest = [number for number in ids if number not in self._never and number != order.order_id][:MOST_CANDIDATES]
        return [number for number in newest if number not in known.refused]

    def _candidates(self, order: Order, phone: str) -> list[int]:
        """Return the ids of the newest orders under the phone that may count, newest first."""
        if order.date_add is None:
            return []
        known = self._known(phone)
        if not self._fresh(known):
            known.summaries, known.asked_at, known.refused = self._ask(order, phone), self._clock(), set()
        return self._may_count(order, known)

    def _fresh(self, known: _Known | None) -> bool:
        return known is not None and known.asked_at is not None and self._clock() - known.asked_at < ASKED_SECONDS

    def _ask(self, order: Order, phone: str) -> tuple[OrderSummary, ...]:
        """Ask for the phone's spellings; one is enough where BaseLinker shows that it looks through spellings.

        It does when the number without its country code brings the very order that was typed with it.
        """
        national, *others = spellings(phone)
        found = {summary.order_id: summary for summary in self._api.orders_by_phone(national)}
        if not (order.order_id in found and has_country_code(order.phone, phone)):
            for spelling in others:
                found |= {summary.order_id: summary for summary in self._api.orders_by_phone(spelling)}
        return _newest(found.values())

    def _counts(self, order: Order) -> bool:
        """Whether the order shows who its buyer is: personal and shop orders too, whatever is sent of them."""
        return (
            order.confirmed
            and not is_allegro(order)
            and source_of(order) != "order_return"
            and not is_masked(order.email, self._rules)
            and is_usable(order.email.strip())
        )

    def _known(self, phone: str) -> _Known:
        known = self._phones.setdefault(phone, _Known())
        self._phones.move_to_end(phone)
        while len(self._phones) > MOST_PHONES:
            self._forget_oldest()
        return known

    def _forget_oldest(self) -> None:
        """Forget the phone that nobody asked for or bought under for longest."""
        _, gone = self._phones.popitem(last=False)
        for order_id in gone.bought:
            del self._phone_of[order_id]

    def _forget(self, order_id: int) -> None:
        phone = self._phone_of.pop(order_id, None)
        if phone is not None and phone in self._phones:
            self._phones[phone].bought.pop(order_id, None)


def _earlier(candidate: Order, order: Order) -> bool:
    return candidate.date_add is not None and order.date_add is not None and candidate.date_add < order.date_add


def matchable(order: Order) -> str | None:
    """Return the order's phone, None also for a number that many type for want of one."""
    phone = phone_of(order)
    return None if phone is None or is_filler(phone) else phone


def _newest(summaries: Iterable[OrderSummary]) -> tuple[OrderSummary, ...]:
    ordered = sorted(summaries, key=lambda one: (one.date_add or _LONG_AGO, one.order_id), reverse=True)
    return tuple(ordered[:MOST_SUMMARIES])
