"""Who is the buyer behind a relay address: phone → e-mail of an earlier order elsewhere, remembered in memory only.

What passed by in windows answers first, if it is certain that no newer order that counts hides: every order between was
seen lately (`coverage`), or BaseLinker was asked for the phone and all that is newer was read. Else BaseLinker is asked
for the phone's orders, and these are read newest first until one counts: same phone, confirmed, not Allegro's, a real
e-mail, made before the order in question.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from clients import Order, OrderSummary
from processor.decide.phones import has_country_code, is_filler, phone_of, spellings
from processor.decide.rules import RuleSettings, is_allegro, is_anonymous, is_masked, is_usable, source_of
from processor.enrich.order_pages import OrderPages

MOST_PHONES, MOST_ORDERS, MOST_BOUGHT_BY_ONE, MOST_NEVER = 50_000, 60_000, 50, 50_000
MOST_CANDIDATES, MOST_SUMMARIES = 10, 200
REMEMBERED_SECONDS, ASKED_SECONDS = 6 * 3600.0, 300.0
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


@dataclass(slots=True, repr=False)
class _Known:
    """What is known of a phone: `summaries`, newest first, as told at `asked_at`; `refused` = read since in vain.

    `asked_up_to` = the highest id in the shop when it was asked, as far as seen: later orders are not among the
    summaries. `cut` = the newest date that was forgotten of its orders; `used_at` = when it was noted or asked for.
    """

    bought: dict[int, _Bought] = field(default_factory=dict)
    summaries: tuple[OrderSummary, ...] = ()
    asked_at: float | None = None
    asked_up_to: int = 0
    refused: set[int] = field(default_factory=set)
    cut: datetime | None = None
    used_at: float = 0.0


class Buyers:
    """Bounded in size and age; every order that passes by is remembered, so that many look-ups need no request."""

    def __init__(self, api: Phones, windows: OrderPages, rules: RuleSettings, clock: Callable[[], float]) -> None:
        self._api, self._windows, self._rules, self._clock = api, windows, rules, clock
        self._phones: OrderedDict[str, _Known] = OrderedDict()
        self._phone_of: dict[int, str] = {}
        self._never: OrderedDict[int, None] = OrderedDict()
        self._coverage = windows.coverage
        self._highest = 0
        self._lost_at = float("-inf")  # what was noted until then may be forgotten

    def use(self, rules: RuleSettings) -> None:
        """Go by these rules from now on; what was learned by other masks may be wrong, and is forgotten."""
        if rules.masked_email_domains != self._rules.masked_email_domains:
            self._phones.clear()
            self._phone_of.clear()
            self._lost_at = self._clock()
        self._rules = rules

    def note(self, order: Order) -> None:
        """Remember an order that a later look-up may need; forget what it was before."""
        self._forget(order.order_id)
        self._highest = max(self._highest, order.order_id)
        if is_anonymous(order, self._rules):
            self._windows.keep_unbroken()
        if source_of(order) in {"allegro", "order_return"}:
            self._never[order.order_id] = None
            while len(self._never) > MOST_NEVER:
                self._never.popitem(last=False)
        phone = matchable(order)
        if phone is None or order.date_add is None or not self._counts(order):
            return
        known = self._known(phone)
        bought = known.bought
        bought[order.order_id] = _Bought(order.order_id, order.email.strip(), order.date_add, self._clock())
        self._phone_of[order.order_id] = phone
        if len(bought) > MOST_BOUGHT_BY_ONE:
            oldest = min(bought.values(), key=lambda one: one.made_at)
            known.cut = oldest.made_at if known.cut is None else max(known.cut, oldest.made_at)
            self._forget(oldest.order_id)
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
        while asking:
            # a round reads the next candidate of every order that has no answer yet, in shared windows
            answers |= {order.order_id: self._remembered(order, phones[order.order_id]) for order in asking}
            asking = [order for order in asking if answers[order.order_id] is None and candidates[order.order_id]]
            turn = {order.order_id: candidates[order.order_id].pop(0) for order in asking}
            self._windows.read(list(turn.values()), read, asked)
            for order in asking:
                candidate, phone = read.get(turn[order.order_id]), phones[order.order_id]
                if candidate is None or not self._counts(candidate) or matchable(candidate) != phone:
                    self._known(phone).refused.add(turn[order.order_id])
                elif _earlier(candidate, order):
                    newest = self._newest_before(order, self._known(phone))
                    answers[order.order_id] = newest.email if newest is not None else candidate.email.strip()
            asking = [order for order in asking if answers[order.order_id] is None]
        return answers

    def must_ask(self, order: Order) -> bool:
        """Whether `find` would have to ask BaseLinker for this order's phone."""
        phone = matchable(order)
        if phone is None or order.date_add is None or self._remembered(order, phone) is not None:
            return False
        return not self._told(order, self._phones.get(phone))

    def _remembered(self, order: Order, phone: str) -> str | None:
        """Return the e-mail, if it is certain to be the newest order's."""
        known = self._phones.get(phone)
        if known is None:
            return None
        self._use(phone, known)
        newest = self._newest_before(order, known)
        if newest is None or not (self._all_read(order, known, newest) or self._all_passed_by(order, known, newest)):
            return None
        return newest.email

    def _newest_before(self, order: Order, known: _Known) -> _Bought | None:
        if order.date_add is None:
            return None
        before = [one for one in self._lately(known) if one.made_at < order.date_add and one.order_id != order.order_id]
        return max(before, key=lambda one: (one.made_at, one.order_id), default=None)

    def _lately(self, known: _Known) -> list[_Bought]:
        oldest = self._clock() - REMEMBERED_SECONDS
        return [one for one in known.bought.values() if one.noted_at >= oldest]

    def _all_read(self, order: Order, known: _Known, newest: _Bought) -> bool:
        """Whether BaseLinker named the phone's orders lately, and each that may be newer was read."""
        if not self._told(order, known):
            return False
        read = {one.order_id for one in self._lately(known)} | known.refused
        at_least = (newest.made_at, newest.order_id)
        return all(
            one.order_id in read or (one.date_add is not None and (one.date_add, one.order_id) < at_least)
            for one in self._may_count(order, known)
        )

    def _all_passed_by(self, order: Order, known: _Known, newest: _Bought) -> bool:
        """Whether every order between was seen lately, and what was seen is still remembered."""
        if order.date_add is None or (known.cut is not None and newest.made_at <= known.cut):
            return False
        since = self._coverage.proves(newest.order_id, newest.made_at, order.order_id, order.date_add)
        return since is not None and self._lost_at < since

    def _told(self, order: Order, known: _Known | None) -> bool:
        """Whether BaseLinker named the phone's orders lately, and none was added between that and this order.

        One added later, but dated before it, is found once the answer is too old.
        """
        if known is None or known.asked_at is None or self._clock() - known.asked_at >= ASKED_SECONDS:
            return False
        if order.order_id <= known.asked_up_to:
            return True
        since = self._coverage.seen_since(known.asked_up_to + 1, order.order_id)
        return since is not None and self._lost_at < since and known.cut is None

    def _candidates(self, order: Order, phone: str) -> list[int]:
        """Return the ids of the newest orders under the phone that may count, newest first."""
        made_at = order.date_add
        if made_at is None:
            return []
        known = self._known(phone)
        if not self._told(order, known):
            at, highest = self._clock(), max(self._highest, order.order_id)
            known.summaries, known.refused = self._ask(order, phone), set()
            known.asked_at, known.asked_up_to = at, max([highest, *(one.order_id for one in known.summaries)])
        ids = [one.order_id for one in self._may_count(order, known)]
        return [number for number in ids[:MOST_CANDIDATES] if number not in known.refused]

    def _may_count(self, order: Order, known: _Known) -> list[OrderSummary]:
        """Return what was told under the phone and is not known to be of no use, newest first."""
        made_at = order.date_add
        return [
            one
            for one in known.summaries
            if (one.date_add is None or (made_at is not None and one.date_add < made_at))
            and one.order_id not in self._never
            and one.order_id != order.order_id
        ]

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
        self._use(phone, known)
        while len(self._phones) > MOST_PHONES:
            self._forget_oldest()
        return known

    def _use(self, phone: str, known: _Known) -> None:
        self._phones.move_to_end(phone)
        known.used_at = self._clock()

    def _forget_oldest(self) -> None:
        """Forget the phone that nobody asked for or bought under for longest."""
        _, gone = self._phones.popitem(last=False)
        if gone.bought:
            self._lost_at = max(self._lost_at, gone.used_at)
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
