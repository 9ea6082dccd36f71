"""With a wrong clock nothing is lost: constant skews, jumps, and marks that a wrong clock left behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients import BaseLinker, Http, Pacer
from producer.clock import Clock
from producer.journal.cursor import first_cursor
from producer.sweep.schedule import due, swept
from schemas.records import Origin
from tests.harness.cases import cases
from tests.producer.simulated import DAY, HOUR, MINUTE, NOW, World, plan

SILENT = range(1, 60)
LATE = range(15, 600, 100)


def fill(world: World) -> None:
    """Orders that the journal never names, and log ids that show up below higher ones, 90 seconds late."""
    for number in SILENT:
        world.shop.place(number, NOW + number * 10 * MINUTE)
        world.shop.log(number * 10, NOW + number * 10 * MINUTE, order_id=100_000 + number)
    for log_id in LATE:
        at = NOW + (log_id // 10 + 1) * 10 * MINUTE
        world.shop.log(log_id, at, at + timedelta(seconds=90), order_id=200_000 + log_id)


def lost(world: World) -> set[int]:
    return (set(SILENT) - set(world.kafka.ids(Origin.BACKFILL))) | (set(LATE) - set(world.kafka.ids(Origin.JOURNAL)))


def jumps(changes: dict[int, int], constant: int = 0) -> Callable[[datetime], timedelta]:
    """By how many minutes the clock is ahead, from which minute on."""
    steps = sorted(changes.items())

    def skew(at: datetime) -> timedelta:
        past = [ahead for minute, ahead in steps if NOW + minute * MINUTE <= at]
        return (past[-1] if past else constant) * MINUTE

    return skew


@settings(max_examples=cases(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    constant=st.integers(-24 * 60, 24 * 60),
    changes=st.dictionaries(st.integers(1, 600), st.integers(-24 * 60, 24 * 60), max_size=4),
    restarts=st.lists(st.integers(30, 600), max_size=2),
)
def test_whatever_our_clock_says_nothing_is_lost(constant: int, changes: dict[int, int], restarts: list[int]) -> None:
    world = World(replace(plan(sweep=HOUR), poll=MINUTE), skew=jumps(changes, constant))
    fill(world)
    for begin, end in pairwise([0, *sorted(restarts), 48 * 60]):
        world.begin_process()
        world.run(world.term(), (end - begin) * MINUTE)
    assert not lost(world)


@settings(max_examples=cases(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(begin=st.integers(1, 600), length=st.integers(1, 120), ahead=st.integers(-24 * 60, 24 * 60))
def test_a_jump_and_back_loses_nothing_where_baselinker_tells_no_time(begin: int, length: int, ahead: int) -> None:
    world = World(replace(plan(sweep=HOUR), poll=MINUTE), skew=jumps({begin: ahead, begin + length: 0}), header=False)
    fill(world)
    world.run(world.term(), 16 * HOUR)
    assert not lost(world)


def test_a_mark_in_the_future_calls_for_one_sweep_and_is_set_anew() -> None:
    cursor = replace(first_cursor(NOW - 9 * DAY, 6, 99), swept_to=NOW + 6 * HOUR, read_at=NOW + 6 * HOUR)
    wanted = due(cursor, plan(sweep=HOUR), NOW)
    assert wanted is not None and wanted.regular and wanted.unread and wanted.since <= NOW - 3 * DAY
    again = swept(cursor, wanted, NOW, NOW)
    assert (again.swept_to, again.read_at) == (NOW, NOW)
    assert due(again, plan(sweep=HOUR), NOW + MINUTE) is None


def test_a_first_start_in_the_future_keeps_no_order_out() -> None:
    cursor = first_cursor(NOW + DAY, 6, 99)
    wanted = due(cursor, plan(sweep=HOUR, start_from="latest"), NOW)
    assert wanted is not None and wanted.since <= NOW - 3 * DAY
    started = swept(cursor, wanted, NOW, NOW).started_at
    assert started is not None and started <= NOW - 3 * DAY


def test_the_earlier_clock_counts_and_a_clock_that_was_never_set_does_not() -> None:
    for ours, theirs, believed in (
        (NOW + HOUR, NOW, NOW),
        (NOW - HOUR, NOW, NOW - HOUR),
        (datetime.fromtimestamp(0, NOW.tzinfo), NOW, NOW),
        (NOW, datetime.fromtimestamp(0, NOW.tzinfo), NOW),
    ):
        clock = Clock(lambda theirs=theirs: (theirs, 5.0), lambda ours=ours: ours, lambda: 5.0)  # type: ignore[misc]
        assert clock.now() == believed


def test_a_clock_that_jumps_back_does_not_stop_the_polls() -> None:
    world = World(plan(), skew=jumps({3: -24 * 60}), header=False)
    poll = world.term()
    world.run(poll, 3 * MINUTE + timedelta(seconds=5))
    assert poll.turn() <= timedelta(seconds=10)


def test_the_client_notes_what_time_baselinker_tells_and_ignores_nonsense() -> None:
    told = iter([{"Date": "Tue, 24 Nov 2026 12:00:00 GMT"}, {"Date": "soon"}, {}])
    body = b'{"status":"SUCCESS","logs":[]}'
    http = Http(
        "BaseLinker", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=next(told)))
    )
    api = BaseLinker(http, "http://localhost/", "t", Pacer(1e9))
    for _ in range(3):
        api.journal(0, (1,))
        assert api.dated is not None and api.dated[0] == NOW
