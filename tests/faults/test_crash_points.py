"""Kill -9 at every externally visible step, start again, compare: nothing lost, nothing doubled, offsets at the end.

The list of points comes from a recorded run (tests/faults/crashing.py), never from a list by hand. By default a spread
sample of the points is tried; `CRASH_POINTS=all` tries every one, and `CRASH_WAY="an update"` one way alone.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.faults.points import ALL, AT_ONCE, Verdict, chosen, judge, record, spread, try_all, worth_a_kill
from tests.faults.scenario import LAUNCHER, Scenario, stand_ins, switch
from tests.faults.ways import WAYS, Way

pytestmark = pytest.mark.slow


SAMPLE = {"a purchase": 10}  # points of the others: 1 each; and always those of these steps
IMPORTANT = {
    "a purchase": ("contact/addContactExtEvent", "commit_transaction after"),
    "an update": ("contact/updateContactExtEvent written",),
}


def points_of(way: Way, make: Callable[[], Scenario]) -> list[str]:
    """Let the processor go the way to its end; return the points it passed, in order."""

    def go() -> list[str]:
        scenario = make()
        way.prepare(scenario)
        path = scenario.folder / f"{scenario.prefix}.points"
        process = scenario.start("recorded", LAUNCHER, "processor", "--until-caught-up", CRASH_RECORD=str(path))
        assert scenario.ended(process) == 0, scenario.tail("recorded")
        assert scenario.problems() == [], f"{way.name} goes wrong without any fault"
        return path.read_text().split("\n")[:-1]

    return record(go)


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


@pytest.mark.timeout(1500)
def test_a_processor_killed_at_any_step_loses_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    ways = [way for way in WAYS if chosen(way.name)]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        makers: list[Callable[[], Scenario]] = []
        for way in ways:
            apis = stack.enter_context(stand_ins())
            switch(apis["SALESMANAGO_API_URL"], **way.switches)
            makers.append(lambda apis=apis: Scenario(apis, kafka, tmp_path))  # type: ignore[misc]
        tried = []
        prelude: set[str] = set()  # the same for every way: tried once
        for way, make, points in zip(ways, makers, list(pool.map(points_of, ways, makers)), strict=True):
            wanted = [point for point in worth_a_kill(points) if point not in prelude]
            prelude |= set(points[: points.index("journal taken#1")])
            always = [point for point in wanted if point.startswith(IMPORTANT.get(way.name, ()))]
            few = dict.fromkeys([*always, *spread(wanted, SAMPLE.get(way.name, 1))])
            for point in wanted if ALL else few:
                tried.append(partial(killed_at, way, point, make))
        judge("kill -9, processor", try_all(pool, tried), len(tried))
