"""Orders by id in few requests, and never one missed because a window did not bring it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import Order
from processor.enrich.order_pages import OrderPages
from tests.processor.shop import Shop, an_order


def read(windows: OrderPages, wanted: list[int]) -> dict[int, Order]:
    found: dict[int, Order] = {}
    windows.read(wanted, found, set())
    return found


def shop_of(ids: list[int], **open_questions: bool) -> Shop:
    return Shop(*(an_order(number) for number in ids), **open_questions)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [500, 1000])
def test_a_thousand_neighbours_cost_ten_requests(batch: int) -> None:
    shop = shop_of(list(range(1, 1001)))
    windows = OrderPages(shop)
    for first in range(1, 1001, batch):
        assert list(read(windows, list(range(first, first + batch)))) == list(range(first, first + batch))
    assert shop.requests == ["window"] * 10


def test_a_third_of_the_shops_orders_costs_as_many_windows_as_all_of_them() -> None:
    shop = shop_of(list(range(1, 3001)))
    assert len(read(OrderPages(shop), list(range(1, 3001, 3)))) == 1000
    assert len(shop.requests) <= 31


def test_orders_further_apart_than_a_window_are_asked_for_alone() -> None:
    shop = shop_of(list(range(1, 10_001)))
    wanted = list(range(1, 10_001, 250))
    assert list(read(OrderPages(shop), wanted)) == wanted
    assert len(shop.requests) == len(wanted)
    assert shop.requests.count("window") <= 1 + len(wanted) // 10


def test_ids_shared_with_other_shops_make_wide_windows_not_single_questions() -> None:
    ids = [700_000_000 + 137 * number for number in range(1000)]
    shop = shop_of(ids)
    assert list(read(OrderPages(shop), ids)) == ids
    assert len(shop.requests) == 10


def test_live_batches_at_the_shops_newest_end_do_not_spoil_the_next_backlog() -> None:
    shop = shop_of(list(range(1, 1001)))
    windows = OrderPages(shop)
    for newest in range(990, 1000):
        read(windows, [newest, newest + 1])
    assert len(shop.requests) == 10
    shop.requests.clear()
    read(windows, list(range(1, 1001)))
    assert len(shop.requests) == 10


def test_one_order_is_one_question_for_its_id() -> None:
    shop = shop_of([5, 6])
    assert list(read(OrderPages(shop), [5, 5])) == [5]
    assert shop.requests == ["alone"]


def test_what_a_window_hides_is_found_alone() -> None:
    shop = shop_of(list(range(1, 301)))
    shop.hidden_from_windows = {1, 50, 299, 300}
    assert sorted(read(OrderPages(shop), list(range(1, 301)))) == list(range(1, 301))


def test_beyond_the_shops_end_no_more_windows_are_asked_for() -> None:
    shop = shop_of([1, 2, 3])
    assert sorted(read(OrderPages(shop), [1, 2, 3, 4, 5, 6])) == [1, 2, 3]
    assert shop.requests == ["window", "alone", "alone", "alone"]


def test_another_order_than_the_one_asked_for_is_no_answer() -> None:
    shop = shop_of([1])
    shop.stored[2] = an_order(3)
    assert read(OrderPages(shop), [2]) == {}


def test_an_error_keeps_what_was_read_and_the_next_try_goes_on_there() -> None:
    shop = shop_of(list(range(1, 1001)))
    windows = OrderPages(shop)
    found: dict[int, Order] = {}
    asked: set[int] = set()
    shop.fail_after = 7
    with pytest.raises(ConnectionError):
        windows.read(list(range(1, 1001)), found, asked)
    assert len(found) == 700
    shop.fail_after = None
    windows.read(list(range(1, 1001)), found, asked)
    assert len(found) == 1000
    assert len(shop.requests) == 10


def test_every_order_that_passes_by_is_told() -> None:
    told: list[int] = []
    shop = shop_of(list(range(1, 51)))
    OrderPages(shop, lambda order: told.append(order.order_id)).read([1, 2], {}, set())
    assert told == list(range(1, 51))


@given(
    st.sets(st.integers(1, 2000), max_size=400),
    st.lists(st.sets(st.integers(1, 2000), max_size=60), max_size=4),
    st.sets(st.integers(1, 2000), max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_wanted_is_found_if_it_is_there(
    there: set[int], batches: list[set[int]], hidden: set[int], inclusive: bool, newest_first: bool
) -> None:
    shop = shop_of(sorted(there), inclusive=inclusive, newest_first=newest_first)
    shop.hidden_from_windows = hidden
    windows = OrderPages(shop)
    for wanted in batches:
        shop.requests.clear()
        found: dict[int, Order] = {}
        asked: set[int] = set()
        windows.read(list(wanted), found, asked)
        assert set(found) == wanted & there
        assert asked == wanted
        assert len(shop.requests) <= 2 * len(wanted)


@pytest.mark.parametrize("inclusive", [True, False])
def test_small_gaps_between_windows_are_closed_without_a_request_more(inclusive: bool) -> None:
    shop = shop_of(list(range(1, 3001)), inclusive=inclusive)
    windows = OrderPages(shop)
    windows.keep_unbroken()
    wanted = [1, *range(3, 3001, 3)]
    assert sorted(read(windows, wanted)) == wanted
    assert len(shop.requests) <= 33
    assert windows.coverage.seen_since(2, 2990) is not None


def test_windows_begin_where_they_bring_most_while_no_buyer_is_looked_for() -> None:
    shop = shop_of(list(range(1, 1001)))
    windows = OrderPages(shop)
    read(windows, [1, 2, 103, 104])
    assert windows.coverage.seen_since(1, 103) is None


def test_a_wide_gap_is_not_bridged() -> None:
    shop = shop_of(list(range(1, 1001)))
    windows = OrderPages(shop)
    windows.keep_unbroken()
    read(windows, [1, 2, 300, 301])
    assert windows.coverage.seen_since(1, 100) is not None
    assert windows.coverage.seen_since(300, 399) is not None
    assert windows.coverage.seen_since(100, 300) is None
