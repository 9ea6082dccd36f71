"""A processor is stopped (SIGSTOP) exactly at a step, its place is taken over, then it wakes up: it changes nothing.

Points and scenarios as in test_crash_points.py. Left out is `unwritten`: the instant between the program's last check
and the write of the body, which no program can close; docs/guarantees.md names it. `CRASH_POINTS=all` tries every step
of every way; `make test` tries a few of a purchase.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.faults.points import ALL, AT_ONCE, LAUNCHER, Verdict, attempt, chosen, judge, stopped, try_all, worth_a_stop
from tests.faults.scenario import Scenario
from tests.faults.ways import WAYS, Way, points_of
from tests.harness.stand_ins import sandbox, switch, writes
from tests.harness.waiting import LONG

IMPORTANT = {
    "a purchase": (
        "contact/addContactExtEvent",
        "begin_transaction before",
        "send_offsets_to_transaction before",
        "commit_transaction before",
    ),
    "an update": ("contact/updateContactExtEvent before", "contact/updateContactExtEvent unchecked"),
}
FEW = {"a purchase": ("contact/addContactExtEvent unchecked#1", "commit_transaction before#1")}


def stopped_at(way: Way, point: str, make: Callable[[], Scenario]) -> Verdict:
    """Stop at one point, let another take over and finish, wake the first up, judge."""
    problems: list[str] = []
    reached = False
    with make() as scenario:
        try:
            way.prepare(scenario)
            sleeper = scenario.programs.start(LAUNCHER, "processor", "--until-caught-up", STOP_AT=point)
            try:
                reached = stopped(sleeper)
                problems += attempt(lambda: scenario.programs.catch_up("processor"))
                problems += [f"before it woke up: {line}" for line in scenario.problems()]
                before, kept = written(scenario), scenario.snapshot()
            finally:
                sleeper.send_signal(signal.SIGCONT)
            code = sleeper.wait(LONG)
            if code != 0:
                problems.append(f"the one that slept ended with {code}")
            problems += scenario.problems()
            if written(scenario) != before:
                problems.append(f"woken up, it wrote to SALESmanago: {written(scenario)[len(before) :]}")
            if scenario.snapshot() != kept:
                problems.append("woken up, it changed rows, dead letters or offsets")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        return Verdict(way.name, point, reached, tuple(problems), scenario.programs.tails() if problems else "")


def written(scenario: Scenario) -> list[tuple[str, str]]:
    """What reached SALESmanago for this scenario's contacts and orders."""
    mine = {str(order_id) for order_id in scenario.orders} | scenario.emails
    named = [
        (str(write["kind"]), str(write.get("external_id") or write.get("email"))) for write in writes(scenario.apis)
    ]
    return [pair for pair in named if pair[1] in mine]


def usual_points(way: Way, make: Callable[[], Scenario]) -> list[str]:
    """The recorded points of the important steps, or all of them."""
    points = points_of(way, make)
    points = points[points.index("journal taken#1") :]  # nothing is owned before
    if ALL:
        return worth_a_stop(points)
    return [point for point in points if point.startswith(IMPORTANT[way.name]) and " unwritten#" not in point]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("sample", ["few", pytest.param("usual", marks=pytest.mark.slow)])
def test_a_processor_stopped_at_any_step_changes_nothing_once_it_was_replaced(
    kafka: str, tmp_path: Path, sample: str
) -> None:
    if sample == "few":
        ways = [way for way in WAYS if way.name in FEW]
    else:
        ways = [way for way in WAYS if (ALL or way.name in IMPORTANT) and chosen(way.name)]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        tried = []
        for way in ways:
            apis = stack.enter_context(sandbox("--orders", "0"))
            switch(apis["SALESMANAGO_API_URL"], **way.switches)
            make = partial(Scenario, apis, kafka, tmp_path)
            points = FEW[way.name] if sample == "few" else usual_points(way, make)
            tried += [partial(stopped_at, way, point, make) for point in points]
        judge("SIGSTOP, processor", try_all(pool, tried), len(tried))
