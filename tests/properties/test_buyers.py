"""Whatever passed by, was edited, or is remembered: the buyer is whom the rule names in the shop as it is now."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import Order
from processor.decide.rules import RuleSettings
from processor.enrich.buyers import Buyers, matchable
from processor.enrich.coverage import Coverage
from processor.enrich.order_pages import OrderPages
from tests.harness.cases import cases
from tests.processor.shop import MASK, Shop, an_order, at

RULES = RuleSettings(location="sklep")
PHONES = ("+48 601 234 567", "+48 602 345 678", "+48 603 456 789", "")
SOURCES = ("shop", "shop", "shop", "personal", "allegro", "allegro", "order_return")
PAGE = 10
STRIDE = 7  # ids of which the shop has one: the others belong to other shops


@st.composite
def orders(draw: st.DrawFn, order_id: int) -> Order:
    """One order: mostly dated as it was added, sometimes long before all others."""
    source = draw(st.sampled_from(SOURCES))
    late = draw(st.integers(0, 9)) == 0
    email = MASK if source == "allegro" else draw(st.sampled_from((f"jan{order_id}@example.com",) * 5 + ("", MASK)))
    return an_order(
        order_id,
        order_source=source,
        phone=draw(st.sampled_from(PHONES)),
        confirmed=draw(st.integers(0, 4)) > 0,
        email=email,
        date_add=at(-order_id if late else order_id),
    )


def by_the_rule(shop: Shop, order: Order) -> str | None:
    """The newest order under the phone that counts, of the whole shop."""
    phone = matchable(order)
    assert order.date_add is not None
    counting = [
        (one.date_add, one.order_id, one.email)
        for one in shop.stored.values()
        if phone is not None
        and matchable(one) == phone
        and one.confirmed
        and one.order_source not in {"allegro", "order_return"}
        and one.email not in {"", MASK}
        and one.date_add is not None
        and one.date_add < order.date_add
    ]
    return max(counting)[2] if counting else None


@settings(max_examples=cases(150), deadline=None)
@given(st.data(), st.sampled_from((1, STRIDE)), st.booleans(), st.sampled_from((3, 1000)))
def test_the_buyer_is_whom_the_rule_names_whatever_is_remembered(
    data: st.DataObject, stride: int, inclusive: bool, room: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processor.enrich.order_pages.FULL_WINDOW", PAGE)
        patch.setattr("processor.enrich.buyers.MOST_CANDIDATES", 1000)
        patch.setattr("processor.enrich.buyers.MOST_BOUGHT_BY_ONE", room)
        patch.setattr("processor.enrich.buyers.MOST_ORDERS", 2 * room)
        play(data, stride, inclusive)


def play(data: st.DataObject, stride: int, inclusive: bool) -> None:
    """Read, edit and add orders at random, and look buyers up in between."""
    now = [1000.0]
    count = data.draw(st.integers(5, 60), "orders")
    shop = Shop(*(data.draw(orders(number * stride)) for number in range(1, count + 1)), inclusive=inclusive, page=PAGE)
    told: set[int] = set()
    windows = OrderPages(shop, coverage=Coverage(lambda: now[0]))
    buyers = Buyers(shop, windows, RULES, lambda: now[0])
    stale: set[int] = set()  # edited since they passed by

    def seen(order: Order) -> None:
        told.add(order.order_id)
        stale.discard(order.order_id)
        buyers.note(order)

    windows.seen = seen
    windows.keep_unbroken()
    for _ in range(data.draw(st.integers(1, 12), "steps")):
        step = data.draw(st.sampled_from(("window", "alone", "edit", "edit and read", "add", "wait", "find")))
        ids = st.sampled_from(sorted(shop.stored))
        now[0] += 1
        if step == "window":
            windows.read(data.draw(st.lists(ids, min_size=2, max_size=8)), {}, set())
        elif step == "alone":
            windows.read([data.draw(ids)], {}, set())
        elif step == "add":
            number = max(shop.stored) + stride * data.draw(st.integers(1, 3))
            shop.stored[number] = replace(data.draw(orders(number)), date_add=at(number))  # else a short while wrong
        elif step == "wait":
            now[0] += data.draw(st.sampled_from((200.0, 400.0, 1000.0)))
        elif step == "find":
            check(shop, windows, buyers, data.draw(st.lists(ids, max_size=3)), stale)
        else:
            number = data.draw(ids)
            one = shop.stored[number]
            if one.order_source != "allegro":
                confirmed = one.confirmed if number not in told else data.draw(st.booleans())
                shop.stored[number] = replace(one, email=f"new{number}@example.com", confirmed=confirmed)
            if number in told:
                stale.add(number)
            if step == "edit and read":
                windows.read([number], {}, set())
    check(shop, windows, buyers, sorted(shop.stored), stale)


def check(shop: Shop, windows: OrderPages, buyers: Buyers, ids: list[int], stale: set[int]) -> None:
    """Look the Allegro orders' buyers up, phones with an order that changed unread do not count."""
    asking = [order for number in ids if (order := shop.stored[number]).order_source == "allegro"]
    if not asking:
        return
    windows.read([order.order_id for order in asking], {}, set())
    changed = {matchable(shop.stored[number]) for number in stale}
    expected = {order.order_id: by_the_rule(shop, order) for order in asking if matchable(order) not in changed}
    for order in asking:
        must_ask, before = buyers.must_ask(order), shop.requests.count("phone")
        found = buyers.find([order])
        assert must_ask or shop.requests.count("phone") == before
        if order.order_id in expected:
            assert found[order.order_id] == expected[order.order_id]
