"""No confirmed order is lost at a page's edge, and none is published twice by sweeps that overlap."""

import random
from collections import Counter
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from clients import Order, RetriableError
from producer.sweep.sweep import Paging
from runtime.transaction import Fenced
from schemas.progress import Gap
from schemas.records import Origin
from tests.harness.cases import cases
from tests.producer.fates import FATES
from tests.producer.simulated import DAY, HOUR, MINUTE, NOW, Killed, Shop, World, plan

START = NOW - HOUR


def walk(shop: Shop, since: datetime = START) -> list[int]:
    paging, found = Paging(since), []
    for _ in range(500):
        page = shop.orders(confirmed_from=paging.confirmed_from, id_from=paging.id_from)
        found += [order.order_id for order in paging.take(page)]
        if paging.done:
            return found
    raise AssertionError("it never ends")


@settings(max_examples=cases(100), deadline=None)
@given(seconds=st.lists(st.integers(0, 12), max_size=450), seed=st.integers(0, 99), by_id=st.booleans())
def test_every_order_is_found_once_however_many_share_a_second(seconds: list[int], seed: int, by_id: bool) -> None:
    shop = World(plan()).shop
    ids = random.Random(seed).sample(range(1, 10_000), len(seconds))  # ids need not rise with the dates
    shop.by_id = by_id
    for order_id, second in zip(ids, seconds, strict=True):
        shop.place(order_id, START + timedelta(seconds=second))
    found = walk(shop)
    assert len(found) == len(set(found))
    if not by_id:
        assert set(found) == set(ids)


@given(count=st.integers(0, 350), seed=st.integers(0, 99))
def test_orders_that_come_in_no_order_are_walked_by_id(count: int, seed: int) -> None:
    shop = World(plan()).shop
    shop.by_id, shop.shuffled = True, random.Random(seed)
    for order_id in range(1, count + 1):
        shop.place(order_id, START + timedelta(seconds=shop.shuffled.randrange(1000)))
    assert sorted(walk(shop)) == list(range(1, count + 1))


def test_more_orders_of_one_second_than_a_page_holds_are_all_found() -> None:
    shop = World(plan()).shop
    for order_id in range(1, 251):
        shop.place(order_id, START)
    for order_id in range(300, 310):
        shop.place(order_id, START + timedelta(seconds=1))
    assert sorted(walk(shop)) == [*range(1, 251), *range(300, 310)]


def test_an_older_order_that_is_confirmed_right_after_a_full_second_is_found() -> None:
    shop = World(plan()).shop
    for order_id in range(1000, 1110):  # a hundred and ten at once, as a bulk action confirms them
        shop.place(order_id, START)
    shop.place(500, START + timedelta(seconds=5))
    for order_id in range(2000, 2120):
        shop.place(order_id, START + timedelta(seconds=order_id - 1990))
    assert sorted(walk(shop)) == [500, *range(1000, 1110), *range(2000, 2120)]


def test_a_full_second_whose_ids_do_not_ascend_is_told_as_an_error() -> None:
    paging = Paging(START)
    ids = [*range(1, 100), 500]
    with capture_logs() as lines:
        paging.take([Order(order_id=number, confirmed=True, date_confirmed=START) for number in ids])
        assert paging.id_from == 501
        shuffled = [*range(600, 501, -1), 601]
        paging.take([Order(order_id=number, confirmed=True, date_confirmed=START) for number in shuffled])
    assert [line["log_level"] for line in lines] == ["error"]
    assert "some may be missing" in lines[0]["event"]


def test_a_page_that_never_moves_on_ends_all_the_same() -> None:
    paging = Paging(START)
    page = [Order(order_id=number, confirmed=True, date_confirmed=START) for number in range(1, 101)]
    for _ in range(3):
        paging.take(page)
    assert paging.confirmed_from > START


def test_two_sweeps_that_overlap_publish_an_order_once() -> None:
    world = World(plan(sweep=HOUR))
    poll = world.term()
    world.run(poll, 10 * MINUTE)
    for minute in range(15, 200, 10):
        world.shop.place(minute, NOW + minute * MINUTE)
    world.run(poll, 5 * HOUR)
    assert Counter(world.kafka.ids(Origin.BACKFILL)) == Counter(range(15, 200, 10))


def test_nothing_is_swept_from_before_the_first_start_and_the_first_sweep_comes_an_interval_later() -> None:
    world = World(plan(sweep=HOUR, start_from="latest"))
    world.shop.place(1, NOW - 10 * MINUTE)
    world.shop.place(2, NOW + 10 * MINUTE)
    world.run(world.term(), 58 * MINUTE)
    assert "getOrders" not in world.shop.asked
    world.run(world.term(), 5 * MINUTE)  # a restart within the first hour
    assert world.kafka.ids(Origin.BACKFILL) == [2]


def test_the_journal_is_polled_while_a_long_sweep_goes_on() -> None:
    world = World(plan(sweep=HOUR))
    for number in range(1, 3000):
        world.shop.place(number, NOW + timedelta(seconds=number))
    poll = world.term()
    world.run(poll, 59 * MINUTE)
    world.shop.asked.clear()
    world.run(poll, 2 * MINUTE)
    swept = [at for at, asked in enumerate(world.shop.asked) if asked == "getOrders"]
    assert len(swept) > 20
    assert "getJournalList" in world.shop.asked[swept[0] : swept[-1]]
    assert len(world.kafka.ids(Origin.BACKFILL)) == 2999


@settings(max_examples=cases(100), deadline=None)
@given(
    confirmed=st.lists(st.integers(1, 170), max_size=250),
    fates=st.lists(st.sampled_from(FATES), max_size=25),
    failures=st.lists(st.booleans(), max_size=25),
)
def test_a_sweep_that_dies_in_the_middle_leaves_no_order_out(
    confirmed: list[int], fates: list[str], failures: list[bool]
) -> None:
    world = World(plan(sweep=HOUR))
    world.run(world.term(), MINUTE)
    for order_id, minute in enumerate(confirmed, 1):
        world.shop.place(order_id, NOW + minute * MINUTE)
    world.kafka.fails = iter(fates)
    world.shop.fails = iter([RetriableError("lost", api="BaseLinker") if lost else None for lost in failures])
    until = NOW + 5 * HOUR
    poll = world.term()
    while world.clock.now < until:
        try:
            world.run(poll, until - world.clock.now)
        except RetriableError:
            world.clock.now += timedelta(seconds=1)
        except (Killed, Fenced):
            world.clock.now += timedelta(seconds=5)
            world.begin_process()
            poll = world.term()
    assert set(world.kafka.ids(Origin.BACKFILL)) == set(range(1, len(confirmed) + 1))


def test_a_journal_unread_for_days_is_swept_from_then_even_when_the_sweep_dies_in_the_middle() -> None:
    world = World(plan())
    world.run(world.term(), MINUTE)
    for number in range(1, 301):
        world.shop.place(number, NOW + number * MINUTE)
    world.shop.log(5, NOW + 4 * DAY, order_id=5)
    world.clock.now = NOW + 4 * DAY
    world.kafka.fails = iter(["fine", "fine", "killed before"])
    try:
        world.term().catch_up()
    except Killed:
        assert world.kafka.ids(Origin.JOURNAL) == [5]
        assert 0 < len(world.kafka.ids(Origin.BACKFILL)) < 300
        assert world.kafka.cursor is not None and world.kafka.cursor.read_at < NOW + DAY
    else:
        raise AssertionError("it was not killed")
    world.term().catch_up()
    assert set(world.kafka.ids(Origin.BACKFILL)) == set(range(1, 301))
    world.shop.asked.clear()
    world.term().catch_up()
    assert "getOrders" not in world.shop.asked


def test_a_gap_that_a_processor_reports_is_closed_once_without_a_regular_sweep_and_orders_are_published_again() -> None:
    world = World(plan())
    world.run(world.term(), MINUTE)
    world.shop.place(1, NOW + 30 * MINUTE)
    world.shop.place(2, NOW + 5 * HOUR)
    world.shop.place(3, NOW + 3 * HOUR + 10 * MINUTE)
    world.clock.now = NOW + 6 * HOUR
    world.reported = [Gap("a", int((NOW + 4 * HOUR).timestamp())), Gap("b", int((NOW + 5 * HOUR).timestamp()))]
    poll = world.term()
    world.run(poll, 5 * MINUTE)
    assert sorted(world.kafka.ids(Origin.BACKFILL)) == [2, 3]  # from an hour before the earliest
    assert world.kafka.cursor is not None and set(world.kafka.cursor.gaps_closed) == {"a", "b"}
    world.reported.append(Gap("c", int((NOW + 5 * HOUR).timestamp())))
    world.run(poll, 5 * MINUTE)
    assert sorted(world.kafka.ids(Origin.BACKFILL)) == [2, 2, 3]


def test_hostile_times_of_a_gap_do_not_stop_the_program() -> None:
    world = World(plan())
    world.reported = [Gap("a", -(10**18)), Gap("b", 10**18)]
    world.run(world.term(), MINUTE)
    assert world.kafka.cursor is not None and set(world.kafka.cursor.gaps_closed) == {"a", "b"}
