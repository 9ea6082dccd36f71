"""A processor is stopped (SIGSTOP) exactly at a step, its place is taken over, then it wakes up: it changes nothing.

Points and scenarios as in test_crash_points.py. Left out is `unwritten`: the instant between the program's last check
and the write of the body, which no program can close; docs/guarantees.md names it. `CRASH_POINTS=all` tries every step
of every way.
"""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from sandbox.remote import fetch_state
from tests.faults.points import ALL, AT_ONCE, Verdict, chosen, judge, try_all, worth_a_stop
from tests.faults.scenario import LAUNCHER, UP_TO_SECONDS, Scenario, stand_ins, switch
from tests.faults.test_crash_points import points_of
from tests.faults.ways import WAYS, Way

pytestmark = pytest.mark.slow


IMPORTANT = {
    "a purchase": (
        "contact/addContactExtEvent",
        "begin_transaction before",
        "send_offsets_to_transaction before",
        "commit_transaction before",
    ),
    "an update": ("contact/updateContactExtEvent before", "contact/updateContactExtEvent unchecked"),
}


def stopped(pid: int) -> bool:
    """Wait until a process stops itself; False when it ends instead."""
    until = time.monotonic() + UP_TO_SECONDS
    while time.monotonic() < until:
        found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            return found.si_code == os.CLD_STOPPED
        time.sleep(0.05)
    return False


def stopped_at(way: Way, point: str, make: Callable[[], Scenario]) -> Verdict:
    """Stop at one point, let another take over and finish, wake the first up, judge."""
    scenario = make()
    problems: list[str] = []
    reached = False
    try:
        way.prepare(scenario)
        sleeper = scenario.start("victim", LAUNCHER, "processor", "--until-caught-up", STOP_AT=point)
        try:
            reached = stopped(sleeper.pid)
            problems += scenario.finish() + [f"before it woke up: {line}" for line in scenario.problems()]
            before, kept = writes(scenario), scenario.snapshot()
        finally:
            sleeper.send_signal(signal.SIGCONT)
            code = scenario.ended(sleeper)
        if code != 0:
            problems.append(f"the one that slept ended with {code}")
        problems += scenario.problems()
        if writes(scenario) != before:
            problems.append(f"woken up, it wrote to SALESmanago: {writes(scenario)[len(before) :]}")
        if scenario.snapshot() != kept:
            problems.append("woken up, it changed rows, dead letters or offsets")
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    logs = f"--- slept\n{scenario.tail('victim')}\n--- heir\n{scenario.tail('heir')}" if problems else ""
    return Verdict(way.name, point, reached, tuple(problems), logs)


def writes(scenario: Scenario) -> list[tuple[str, str]]:
    """What reached SALESmanago for this scenario's contacts and orders."""
    mine = {str(order_id) for order_id in scenario.orders} | scenario.emails
    found = fetch_state(scenario.apis["SALESMANAGO_API_URL"])["writes"]
    named = [(str(write["kind"]), str(write.get("external_id") or write.get("email"))) for write in found]
    return [pair for pair in named if pair[1] in mine]


@pytest.mark.timeout(1500)
def test_a_processor_stopped_at_any_step_changes_nothing_once_it_was_replaced(kafka: str, tmp_path: Path) -> None:
    ways = [way for way in WAYS if (ALL or way.name in IMPORTANT) and chosen(way.name)]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        tried = []
        for way in ways:
            apis = stack.enter_context(stand_ins())
            switch(apis["SALESMANAGO_API_URL"], **way.switches)

            def make(apis: dict[str, str] = apis) -> Scenario:
                return Scenario(apis, kafka, tmp_path)

            points = points_of(way, make)
            points = points[points.index("journal taken#1") :]  # nothing is owned before
            few = [point for point in points if point.startswith(IMPORTANT.get(way.name, ()))]
            for point in worth_a_stop(points) if ALL else [point for point in few if " unwritten#" not in point]:
                tried.append(partial(stopped_at, way, point, make))
        judge("SIGSTOP, processor", try_all(pool, tried), len(tried))
