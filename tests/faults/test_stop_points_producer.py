"""A leading producer is stopped (SIGSTOP) at a step, another leads on, the first wakes up: nothing is doubled."""

import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.faults.points import ALL, AT_ONCE, Verdict, attempt, judge, spread, stopped, try_all, worth_a_stop
from tests.faults.producer_ways import WAYS, Way, points_of, shop, to_the_end, wrong
from tests.harness.topics import read_whole
from tests.harness.waiting import LONG

pytestmark = pytest.mark.slow
IMPORTANT = ("produce cursor before", "commit_transaction before")
SAMPLE = 2  # further points of each way


def stopped_at(way: Way, point: str, kafka: str, folder: Path) -> Verdict:
    """Stop at one point, let another lead and finish, wake the first up, judge."""
    problems: list[str] = []
    reached = False
    with shop(kafka, folder) as scenario:
        try:
            way.before(scenario)
            sleeper = way.go(scenario, {"STOP_AT": point})
            try:
                reached = stopped(sleeper)
                problems += attempt(lambda: scenario.programs.catch_up("producer"))
                kept = len(read_whole(kafka, scenario.topics.journal))
            finally:
                sleeper.send_signal(signal.SIGCONT)
            code = sleeper.wait(LONG)
            if code != 0:
                problems.append(f"the one that slept ended with {code}")
            problems += wrong(scenario, way.sweeps)
            found = len(read_whole(kafka, scenario.topics.journal))
            if not way.sweeps and found != kept:
                problems.append(f"woken up, it published {found - kept} entries")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        return Verdict(way.name, point, reached, tuple(problems), scenario.programs.tails() if problems else "")


@pytest.mark.timeout(1500)
def test_a_producer_stopped_at_any_step_publishes_nothing_once_another_leads(kafka: str, tmp_path: Path) -> None:
    ways = [way for way in WAYS if way.go is to_the_end]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = []
        lists = list(pool.map(lambda way: points_of(way, kafka, tmp_path), ways))
        for way, points in zip(ways, lists, strict=True):
            points = points[points.index("init_transactions before#1") :]  # it does not lead before
            few = [point for point in points if point.startswith(IMPORTANT)]
            few = list(dict.fromkeys([*few, *spread(points, SAMPLE)]))
            for point in worth_a_stop(points) if ALL else few:
                tried.append(partial(stopped_at, way, point, kafka, tmp_path))
        judge("SIGSTOP, producer", try_all(pool, tried), len(tried))
