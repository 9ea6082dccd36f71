"""Many processes, one budget, a simulated clock: no minute holds more than the budget and one request a process."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from clients import Pacer
from clients.pacing import RECOVERY_SECONDS, TOOLS_PER_MINUTE, processor_share, producer_rate
from tests.harness.cases import cases

START = datetime(2026, 11, 24, tzinfo=UTC)
PARTITIONS, POLL_SECONDS = 6, 10.0
STEP = 0.25  # seconds a turn; a power of two, so that the simulated clock is exact
GREET = 60.0  # requests a minute while a processor asks who it is, before it has a share


class NotYet(Exception):
    """The pacer would sleep."""


def not_yet(_: float) -> None:
    raise NotYet


@dataclass
class Process:
    """A pacer and what it let through; `greeting` = its first request is still to be made, outside of any share."""

    pacer: Pacer
    greeting: bool = False
    born: float = 0.0
    died: float | None = None
    taken: list[float] = field(default_factory=list)

    def try_take(self, now: float) -> bool:
        try:
            self.pacer.take()
        except NotYet:
            return False
        self.taken.append(now)
        return True


class World:
    """A producer, the tools and processors, all as greedy as can be; BaseLinker may block the token."""

    def __init__(self, budget: int) -> None:
        self.now = 0.0
        self.budget = budget
        self.producer = Process(self.pacer(producer_rate(POLL_SECONDS)))
        self.tools = Process(self.pacer(TOOLS_PER_MINUTE))
        self.processors: list[Process] = []
        self.dead: list[Process] = []
        self.owned: dict[int, int] = {}
        self.blocked_until = 0.0
        self.asked_while_blocked: list[Process] = []

    def pacer(self, rate: float) -> Pacer:
        return Pacer(rate, lambda: self.now, lambda: START + timedelta(seconds=self.now), not_yet)

    def start(self) -> None:
        process = Process(self.pacer(0.0), greeting=True, born=self.now)
        process.pacer.set_rate(GREET)
        self.processors.append(process)

    def kill(self, index: int) -> None:
        process = self.processors.pop(index)
        process.died = self.now
        self.dead.append(process)

    def rebalance(self, chance: random.Random) -> None:
        """Shares are lost first, then gained; a process that has not greeted yet is no member."""
        members = [process for process in self.processors if not process.greeting]
        owned = {id(process): 0 for process in members}
        for _ in range(PARTITIONS if members else 0):
            owned[id(chance.choice(members))] += 1
        shares = [
            (process, processor_share(self.budget, POLL_SECONDS, owned[id(process)], PARTITIONS)) for process in members
        ]
        for process, share in sorted(shares, key=lambda pair: pair[1]):
            process.pacer.set_rate(share)

    def pass_time(self, seconds: float, step: float = STEP) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += step
            for process in self.everybody():
                if process.try_take(self.now):
                    self.served(process)

    def served(self, process: Process) -> None:
        if self.now < self.blocked_until:
            self.asked_while_blocked.append(process)
            process.pacer.block_until(START + timedelta(seconds=self.blocked_until))
        elif process.greeting:
            process.greeting = False
            process.pacer.set_rate(0.0)

    def everybody(self) -> list[Process]:
        return [self.producer, self.tools, *self.processors]

    def all_ever(self) -> list[Process]:
        return [*self.everybody(), *self.dead]

    def worst_excess(self) -> float:
        """By how much any minute goes beyond the budget and one request for each process that lived in it."""
        taken = sorted(at for process in self.all_ever() for at in process.taken)
        worst = 0.0
        for index, at in enumerate(taken):
            count = sum(1 for one in taken[index:] if one < at + 60)
            alive = sum(p.born < at + 60 and (p.died is None or p.died >= at) for p in self.all_ever())
            worst = max(worst, count - self.budget - alive)
        return worst

    def busiest_minute(self) -> int:
        taken = sorted(at for process in self.all_ever() for at in process.taken)
        return max((sum(1 for one in taken[i:] if one < at + 60) for i, at in enumerate(taken)), default=0)


actions = st.one_of(
    st.tuples(st.just("start"), st.floats(0.5, 20)),
    st.tuples(st.just("kill"), st.floats(0.5, 20)),
    st.tuples(st.just("rebalance"), st.floats(0.2, 40)),
    st.tuples(st.just("block"), st.floats(1, 120)),
    st.tuples(st.just("wait"), st.floats(1, 90)),
)


@settings(max_examples=cases(60, 2000))
@given(
    budget=st.sampled_from([80, 80, 20, 100, 300]),
    members=st.integers(1, 5),
    plan=st.lists(actions, max_size=14),
    chance=st.randoms(use_true_random=False),
)
def test_no_minute_holds_more_than_the_budget_and_one_request_a_process(
    budget: int, members: int, plan: list[tuple[str, float]], chance: random.Random
) -> None:
    world = World(budget)
    for _ in range(members):
        world.start()
    world.pass_time(3)
    world.rebalance(chance)
    for what, any_seconds in plan:
        seconds = round(any_seconds / STEP) * STEP
        if what == "start" and len(world.processors) < 8:
            world.start()
        elif what == "kill" and world.processors:
            world.kill(chance.randrange(len(world.processors)))
        elif what == "rebalance":
            world.rebalance(chance)
        elif what == "block":
            world.blocked_until = world.now + 60 + seconds
        world.pass_time(seconds)
    assert world.worst_excess() <= 1e-6
    assert budget > 80 or world.busiest_minute() < 100
    for process in world.everybody():  # who saw a block asked once during it, not again before its end
        assert world.asked_while_blocked.count(process) <= sum(what == "block" for what, _ in plan)


@settings(max_examples=cases(10, 200))
@given(period=st.floats(5, 30), chance=st.randoms(use_true_random=False))
def test_a_crash_loop_beside_full_shares_stays_below_the_apis_limit(period: float, chance: random.Random) -> None:
    world = World(80)
    for _ in range(3):
        world.start()
    world.pass_time(2)
    world.rebalance(chance)
    for _ in range(int(180 / period)):
        world.start()
        world.pass_time(period)
        world.kill(len(world.processors) - 1)
    assert world.busiest_minute() < 100


@settings(max_examples=cases(200))
@given(changes=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 70)), min_size=1, max_size=12))
def test_one_pacer_never_passes_more_than_its_rates_allowed_and_one(changes: list[tuple[float, float]]) -> None:
    now, allowed = 0.0, 0.0
    passed: list[tuple[float, float]] = []  # (time, allowance until then)
    pacer = Pacer(0.0, lambda: now, lambda: START, not_yet)
    for rate, seconds in changes:
        pacer.set_rate(rate)
        for _ in range(int(seconds / 0.25)):
            now += 0.25
            allowed += rate / 60 * 0.25
            try:
                pacer.take()
            except NotYet:
                continue
            passed.append((now, allowed))
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first <= passed[last][1] - passed[first][1] + 1e-6


def rate_at(pacer: Pacer, clock: Callable[[float], None], minutes: int) -> float:
    count = 0
    for _ in range(int(minutes * 60 / STEP)):
        clock(STEP)
        try:
            pacer.take()
        except NotYet:
            continue
        count += 1
    return count / minutes


@settings(max_examples=cases(6, 60))
@given(rate=st.sampled_from([12.0, 30.0, 60.0]), block=st.integers(60, 900), times=st.integers(1, 5))
def test_after_a_block_the_rate_is_halved_and_whole_again_within_the_hour(rate: float, block: int, times: int) -> None:
    now = 0.0

    def clock(seconds: float) -> None:
        nonlocal now
        now += seconds

    pacer = Pacer(rate, lambda: now, lambda: START + timedelta(seconds=now), not_yet)
    clock(60)
    for _ in range(times):
        pacer.block_until(START + timedelta(seconds=now + block))
    end = now + block
    while True:
        clock(STEP)
        try:
            pacer.take()
            break
        except NotYet:
            continue
    assert now >= end
    healed = block / RECOVERY_SECONDS
    most = 0.5 + 0.5 * healed if times == 1 else 0.25 + 0.75 * healed
    assert rate_at(pacer, clock, 2) <= rate * (most + 0.03) + 1
    clock(end + RECOVERY_SECONDS - now)
    assert rate_at(pacer, clock, 3) >= rate * 0.95


def test_the_budget_is_used_by_those_who_have_work() -> None:
    world = World(80)
    for _ in range(3):
        world.start()
    world.pass_time(2)
    world.rebalance(random.Random(1))
    world.pass_time(300)
    assert world.worst_excess() <= 0
    assert 76 <= world.busiest_minute() <= 85
