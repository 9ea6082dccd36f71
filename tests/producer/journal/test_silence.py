"""A journal that is switched off is noticed, without false alarms."""

from schemas.records import Origin
from tests.producer.simulated import DAY, HOUR, MINUTE, NOW, World, plan


def test_an_empty_journal_at_a_first_start_although_there_are_orders_is_alarmed_and_swept() -> None:
    world = World(plan())
    world.shop.place(1, NOW - 2 * DAY)
    world.shop.place(2, NOW - 4 * DAY)
    world.run(world.term(), MINUTE)
    assert world.silent
    assert world.kafka.ids(Origin.BACKFILL) == [1]
    world.shop.asked.clear()
    world.run(world.term(), 10 * MINUTE)
    assert "getOrders" not in world.shop.asked


def test_an_empty_journal_of_a_shop_without_orders_is_no_alarm() -> None:
    world = World(plan())
    world.run(world.term(), MINUTE)
    assert not world.silent
    assert world.shop.asked.count("getOrders") == 1


def test_a_journal_switched_off_in_mid_run_is_alarmed_until_it_names_an_order_again() -> None:
    world = World(plan(sweep=HOUR))
    world.shop.log(1, NOW)
    poll = world.term()
    world.run(poll, 10 * MINUTE)
    world.shop.place(7, NOW + 20 * MINUTE)
    world.run(poll, HOUR)
    assert world.silent
    assert world.kafka.ids(Origin.BACKFILL) == [7]
    world.shop.log(2, world.clock.now)
    world.run(poll, MINUTE)
    assert not world.silent


def test_orders_that_the_journal_named_are_no_alarm_nor_those_named_before_a_restart() -> None:
    world = World(plan(sweep=HOUR))
    for minute in range(5, 115, 10):
        world.shop.log(minute, NOW + minute * MINUTE, order_id=minute)
        world.shop.place(minute, NOW + minute * MINUTE)
    poll = world.term()
    world.run(poll, 50 * MINUTE)
    world.begin_process()
    world.run(world.term(), 90 * MINUTE)
    assert not world.silent
    assert len(world.kafka.ids(Origin.BACKFILL)) == 11


def test_an_order_named_when_it_was_made_and_confirmed_after_a_restart_is_no_alarm() -> None:
    world = World(plan(sweep=HOUR))
    world.shop.log(1, NOW + MINUTE, order_id=5)
    world.shop.place(5, NOW + 30 * MINUTE, added=NOW + MINUTE)
    world.run(world.term(), 20 * MINUTE)
    world.begin_process()
    world.run(world.term(), 2 * HOUR)
    assert not world.silent
