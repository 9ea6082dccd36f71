"""Every log id once, whatever the journal's pages look like and wherever the program dies."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients import RetriableError
from producer.journal.reader import find_end
from runtime.transaction import Fenced
from schemas.records import Origin
from tests.harness.cases import cases
from tests.producer.fates import FATES
from tests.producer.simulated import DAY, MINUTE, NOW, Killed, World, plan


@settings(max_examples=cases(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    logs=st.dictionaries(st.integers(1, 300), st.tuples(st.integers(-240, 5), st.integers(0, 4)), max_size=60),
    page=st.sampled_from([1, 2, 3, 100, 10**9]),
    inclusive=st.booleans(),
    descending=st.booleans(),
    repeated=st.integers(1, 3),
    fates=st.lists(st.sampled_from(FATES), max_size=30),
    failures=st.lists(st.booleans(), max_size=30),
)
def test_every_log_id_is_published_once(
    logs: dict[int, tuple[int, int]],
    page: int,
    inclusive: bool,
    descending: bool,
    repeated: int,
    fates: list[str],
    failures: list[bool],
) -> None:
    world = World(plan())
    shop = world.shop
    shop.page, shop.inclusive, shop.descending, shop.repeated = page, inclusive, descending, repeated
    minutes = sorted(minute for minute, _ in logs.values())
    for log_id, minute in zip(sorted(logs), minutes, strict=True):  # some show up minutes late, below others
        shop.log(log_id, NOW + minute * MINUTE, NOW + (minute + logs[log_id][1]) * MINUTE)
    world.kafka.fails = iter(fates)
    shop.fails = iter([RetriableError("lost", api="BaseLinker") if failure else None for failure in failures])
    until = NOW + 25 * MINUTE
    poll = world.term()
    while world.clock.now < until:
        try:
            world.run(poll, until - world.clock.now)
        except RetriableError:
            world.clock.now += timedelta(seconds=1)
        except (Killed, Fenced):
            world.clock.now += timedelta(seconds=5)
            poll = world.term()
    assert sorted(world.kafka.ids(Origin.JOURNAL)) == sorted(logs)
    world.kafka.fails, shop.fails = iter(()), iter(())
    world.run(world.term(), 25 * MINUTE)  # a new leader begins to count the ages of ids anew
    assert sorted(world.kafka.ids(Origin.JOURNAL)) == sorted(logs)
    cursor = world.kafka.cursor
    assert cursor is not None
    assert (cursor.settled_log_id, cursor.recent_log_ids) == (max(logs, default=0), ())


def test_a_clock_that_is_ahead_of_baselinkers_does_not_close_the_door_on_late_ids() -> None:
    world = World(plan())
    behind = NOW - 20 * MINUTE  # what their clock says
    world.shop.log(10, behind, NOW)
    world.shop.log(9, behind, NOW + 2 * MINUTE)
    world.run(world.term(), 4 * MINUTE)
    assert world.kafka.ids(Origin.JOURNAL) == [10, 9]


def test_a_quiet_shop_costs_one_request_a_poll() -> None:
    world = World(plan())
    world.shop.log(10, NOW - 2 * DAY)
    poll = world.term()
    world.run(poll, 2 * MINUTE)
    world.shop.asked.clear()
    world.run(poll, 10 * MINUTE)
    assert len(world.shop.asked) <= 60 + 10 + 1  # sixty polls; each minute's look from the settled id costs one more


@given(
    ids=st.sets(st.integers(1, 200), max_size=40),
    page=st.sampled_from([1, 2, 7, 100]),
    inclusive=st.booleans(),
    repeated=st.integers(1, 2),
)
def test_the_journals_end_is_found_without_publishing(ids: set[int], page: int, inclusive: bool, repeated: int) -> None:
    world = World(plan())
    world.shop.page, world.shop.inclusive, world.shop.repeated = page, inclusive, repeated
    for log_id in ids:
        world.shop.log(log_id, NOW - (200 - log_id) * MINUTE)
    assert find_end(world) == max(ids, default=0)
    before = NOW - 100 * MINUTE
    kept = {log_id for log_id in ids if log_id > find_end(world, before)}
    assert kept == {log_id for log_id in ids if log_id >= 100}
