"""Kill -9 at every externally visible step, start again, compare: nothing lost, nothing doubled, offsets at the end.

The list of points comes from a recorded run (tests/faults/crashing.py), never from a list by hand. By default a spread
sample of the points is tried; `CRASH_POINTS=all` tries every one, and `CRASH_WAY="an update"` one way alone. `make
test` tries a few points of the most important way.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.faults.points import (
    ALL,
    AT_ONCE,
    LAUNCHER,
    Verdict,
    attempt,
    chosen,
    judge,
    killed,
    spread,
    try_all,
    worth_a_kill,
)  # fmt: skip
from tests.faults.scenario import Scenario
from tests.faults.ways import WAYS, Way, points_of
from tests.harness.stand_ins import sandbox, switch

Try = Callable[[], Verdict]
SAMPLE = {"a purchase": 10}  # points of the others: 1 each; and always those of these steps
IMPORTANT = {
    "a purchase": ("contact/addContactExtEvent", "commit_transaction after"),
    "an update": ("contact/updateContactExtEvent written",),
}
FEW = {
    "a purchase": (
        "commit_transaction before#1",  # of the intent
        "contact/addContactExtEvent before#1",
        "contact/addContactExtEvent written#1",
        "contact/addContactExtEvent answered#1",
        "commit_transaction after#2",  # of the row
    ),
}


def killed_at(way: Way, point: str, make: Callable[[], Scenario]) -> Verdict:
    """Kill at one point, start again, judge."""
    problems: list[str] = []
    reached = False
    with make() as scenario:
        try:
            way.prepare(scenario)
            victim = scenario.programs.start(LAUNCHER, "processor", "--until-caught-up", CRASH_AT=point)
            reached = killed(victim, problems)
            problems += attempt(lambda: scenario.programs.catch_up("processor"))
            problems += scenario.problems()
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        return Verdict(way.name, point, reached, tuple(problems), scenario.programs.tails() if problems else "")


def few_points(ways: list[Way], makers: list[Callable[[], Scenario]]) -> list[Try]:
    """The steps of a purchase that matter most."""
    return [
        partial(killed_at, way, point, make) for way, make in zip(ways, makers, strict=True) for point in FEW[way.name]
    ]


def usual_points(pool: ThreadPoolExecutor, ways: list[Way], makers: list[Callable[[], Scenario]]) -> list[Try]:
    """A spread sample of the recorded points of each way, or all of them."""
    tried: list[Try] = []
    prelude: set[str] = set()  # the same for every way: tried once
    for way, make, points in zip(ways, makers, list(pool.map(points_of, ways, makers)), strict=True):
        wanted = [point for point in worth_a_kill(points) if point not in prelude]
        prelude |= set(points[: points.index("journal taken#1")])
        always = [point for point in wanted if point.startswith(IMPORTANT.get(way.name, ()))]
        sample = dict.fromkeys([*always, *spread(wanted, SAMPLE.get(way.name, 1))])
        tried += [partial(killed_at, way, point, make) for point in (wanted if ALL else sample)]
    return tried


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("sample", ["few", pytest.param("usual", marks=pytest.mark.slow)])
def test_a_processor_killed_at_any_step_loses_and_doubles_nothing(kafka: str, tmp_path: Path, sample: str) -> None:
    ways = [way for way in WAYS if (way.name in FEW if sample == "few" else chosen(way.name))]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        makers: list[Callable[[], Scenario]] = []
        for way in ways:
            apis = stack.enter_context(sandbox("--orders", "0"))
            switch(apis["SALESMANAGO_API_URL"], **way.switches)
            makers.append(partial(Scenario, apis, kafka, tmp_path))
        tried = few_points(ways, makers) if sample == "few" else usual_points(pool, ways, makers)
        judge("kill -9, processor", try_all(pool, tried), len(tried))
