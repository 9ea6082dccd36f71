from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import Pacer, PacerClosed
from clients.pacing import TOOLS_PER_MINUTE, processor_share, producer_rate

START = datetime(2026, 11, 24, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def pacer(self, rate: float) -> Pacer:
        return Pacer(rate, lambda: self.now, lambda: START + timedelta(seconds=self.now), self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)


def most_in_a_minute(taken: list[float]) -> int:
    return max((sum(start <= one < start + 60 for one in taken) for start in taken), default=0)


@given(st.floats(1, 200), st.lists(st.floats(0, 90), max_size=150))
def test_no_minute_holds_more_than_the_rate_and_one(rate: float, idle: list[float]) -> None:
    clock = Clock()
    pacer, taken = clock.pacer(rate), []
    for pause in idle + [0.0] * 150:
        clock.now += pause
        pacer.take()
        taken.append(clock.now)
    assert most_in_a_minute(taken) <= rate + 1 + 1e-6  # the times are sums of fractions


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 30)), min_size=1, max_size=40))
def test_changing_shares_never_make_a_burst(changes: list[tuple[float, float]]) -> None:
    clock = Clock()
    pacer, taken = clock.pacer(1), []
    for rate, pause in changes:
        pacer.set_rate(rate)
        clock.now += pause
        if rate > 1:
            pacer.take()
            taken.append(clock.now)
    gaps = [later - earlier for earlier, later in pairwise(taken)]
    assert all(gap >= 60 / 200 - 1e-6 for gap in gaps)


def test_a_new_pacer_starts_empty() -> None:
    clock = Clock()
    clock.pacer(60).take()
    assert clock.now >= 1.0


def test_a_block_is_waited_out_and_halves_the_rate_for_a_while() -> None:
    clock = Clock()
    pacer = clock.pacer(60)
    pacer.block_until(START + timedelta(seconds=600))
    pacer.take()
    assert clock.now >= 600
    before = clock.now
    pacer.take()
    assert clock.now - before > 1.5
    clock.now += 3600
    pacer.take()
    before = clock.now
    pacer.take()
    assert clock.now - before < 1.1


def test_a_closed_pacer_lets_nobody_through() -> None:
    pacer = Pacer(60)
    pacer.close()
    with pytest.raises(PacerClosed):
        pacer.take()


def test_the_shares_of_all_add_up_to_the_budget() -> None:
    parts = sum(processor_share(80, 10, owned, 6) for owned in (1, 2, 3))
    assert parts + producer_rate(10) + TOOLS_PER_MINUTE == pytest.approx(80)
    assert processor_share(80, 10, 0, 6) == 0
