"""The last orders of the shop, in one request."""

from datetime import UTC, datetime, timedelta

import pytest

from clients import JournalLog, Order
from operations.recent_orders import days_of_orders, recent_orders
from tests.processor.simulated import order

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Shop:
    def __init__(self, orders: list[Order]) -> None:
        self.orders_there = orders
        self.asked: list[tuple[int | None, datetime | None]] = []

    def orders(self, *, id_from: int | None = None, confirmed_from: datetime | None = None) -> list[Order]:
        self.asked.append((id_from, confirmed_from))
        return self.orders_there[:100]


def log(number: int) -> JournalLog:
    return JournalLog(number, 1, number, None, NOW)


def test_the_newest_hundred_that_the_journal_names_are_read_from_the_hundredth_on() -> None:
    shop = Shop([order(number) for number in range(51, 151)])
    found = recent_orders(shop, [log(number) for number in range(1, 151)], NOW)
    assert shop.asked == [(51, None)]
    assert [one.order_id for one in found] == list(range(150, 50, -1))


@pytest.mark.parametrize(("in_journal", "days"), [(0, 30.0), (1, 30.0), (30, 9.0), (99, 3.0)])
def test_a_small_shop_is_read_from_as_many_days_ago_as_bring_about_a_hundred(in_journal: int, days: float) -> None:
    assert days_of_orders(in_journal) == timedelta(days=days)
    shop = Shop([order(7)])
    assert [one.order_id for one in recent_orders(shop, [log(n + 1) for n in range(in_journal)], NOW)] == [7]
    assert shop.asked == [(None, NOW - timedelta(days=days))]
