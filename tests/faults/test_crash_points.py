"""Kill -9 at every externally visible step, start again, compare: nothing lost, nothing doubled, offsets at the end.

The list of points comes from a recorded run (tests/faults/crashing.py), never from a list by hand. By default a spread
sample of the points is tried; `CRASH_POINTS=all` tries every one, and `CRASH_WAY="an update"` one way alone.
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.scenario import LAUNCHER, UP_TO_SECONDS, Scenario, stand_ins, switch
from tests.faults.ways import WAYS, Way

AT_ONCE = int(os.environ.get("CRASH_AT_ONCE") or 12)
ALL = os.environ.get("CRASH_POINTS") == "all"
SAMPLE = {"a purchase": 14}  # points of the others: 2 each; and always those of these steps
IMPORTANT = {
    "a purchase": ("contact/addContactExtEvent", "commit_transaction after"),
    "an update": ("contact/updateContactExtEvent written",),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one kill, or stop."""

    way: str
    point: str
    reached: bool
    problems: tuple[str, ...]
    logs: str


def record(scenario: Scenario, program: str) -> list[str]:
    """Let a program go its way to the end; return the points it passed, in order."""
    path = scenario.folder / f"{scenario.prefix}.points"
    process = scenario.start("recorded", LAUNCHER, program, "--until-caught-up", CRASH_RECORD=str(path))
    assert process.wait(UP_TO_SECONDS) == 0, scenario.tail("recorded")
    return path.read_text().split("\n")[:-1]


def worth_a_kill(points: Sequence[str]) -> list[str]:
    """Leave out the points with nothing between them and the one before."""
    found = [point for point in points if " unchecked#" not in point]
    return [
        point
        for before, point in zip(["", *found], found, strict=False)
        if not (" before#" in point and (" after#" in before or " returned#" in before))
    ]


def spread(points: Sequence[str], count: int) -> list[str]:
    """Return so many points, evenly spread, first and last among them."""
    if count >= len(points):
        return list(points)
    return [points[round(index * (len(points) - 1) / (count - 1))] for index in range(count)]


def killed_at(way: Way, point: str, make: Callable[[], Scenario]) -> Verdict:
    """Kill at one point, start again, judge."""
    scenario = make()
    problems: list[str] = []
    code = None
    try:
        way.prepare(scenario)
        victim = scenario.start("victim", LAUNCHER, "processor", "--until-caught-up", CRASH_AT=point)
        code = scenario.ended(victim)
        if code not in {0, -signal.SIGKILL}:
            problems.append(f"the victim came neither to its point nor to its end: {code}")
        problems += scenario.finish()
        problems += scenario.problems()
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    logs = f"--- victim\n{scenario.tail('victim')}\n--- heir\n{scenario.tail('heir')}" if problems else ""
    return Verdict(way.name, point, code == -signal.SIGKILL, tuple(problems), logs)


def judge(verdicts: Sequence[Verdict]) -> None:
    """Fail with every point at which harm was done, and when points were not reached."""
    reached = sum(verdict.reached for verdict in verdicts)
    print(f"{len(verdicts)} points tried, {reached} reached")
    wrong = [verdict for verdict in verdicts if verdict.problems]
    told = [f"{one.way}, at {one.point}:\n  " + "\n  ".join(one.problems) + f"\n{one.logs}" for one in wrong]
    assert not wrong, f"{len(wrong)} of {len(verdicts)} did harm\n" + "\n\n".join(told)
    missed = [f"{one.way}: {one.point}" for one in verdicts if not one.reached]
    assert len(missed) <= len(verdicts) // 10, f"these points were not reached: {missed}"


@pytest.mark.timeout(1500)
def test_a_processor_killed_at_any_step_loses_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    ways = [way for way in WAYS if os.environ.get("CRASH_WAY", way.name) == way.name]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        makers: list[Callable[[], Scenario]] = []
        for way in ways:
            apis = stack.enter_context(stand_ins())
            switch(apis["SALESMANAGO_API_URL"], **way.switches)
            makers.append(lambda apis=apis: Scenario(apis, kafka, tmp_path))  # type: ignore[misc]

        def recorded(way: Way, make: Callable[[], Scenario]) -> list[str]:
            scenario = make()
            way.prepare(scenario)
            points = record(scenario, "processor")
            assert scenario.problems() == [], f"{way.name} goes wrong without any kill"
            return points

        lists = list(pool.map(recorded, ways, makers))
        tried = []
        prelude: set[str] = set()
        for way, make, points in zip(ways, makers, lists, strict=True):
            wanted = [point for point in worth_a_kill(points) if point not in prelude]
            prelude |= set(points[: points.index("journal taken#1")])
            always = [point for point in wanted if point.startswith(IMPORTANT.get(way.name, ()))]
            few = dict.fromkeys([*always, *spread(wanted, SAMPLE.get(way.name, 2))])
            for point in wanted if ALL else few:
                tried.append(pool.submit(killed_at, way, point, make))
        judge([future.result() for future in tried])
