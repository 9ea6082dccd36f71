"""A leading producer is stopped (SIGSTOP) at a step, another leads on, the first wakes up: nothing is doubled."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.scenario import LAUNCHER, Scenario, read, stand_ins
from tests.faults.test_crash_points import ALL, AT_ONCE, Verdict, judge, spread
from tests.faults.test_crash_points_producer import nothing, once, wrong
from tests.faults.test_stop_points import stopped, worth_a_stop

WAYS: dict[str, Callable[[Scenario], None]] = {"a first start": nothing, "a settled pass and a sweep": once}
IMPORTANT = ("produce cursor before", "commit_transaction before")
SAMPLE = 2  # further points of each way


def points_of(way: str, kafka: str, folder: Path) -> list[str]:
    """Record the points from the one on at which it leads."""
    path = folder / f"{way}.points"
    with stand_ins("--orders", "3", "--seed", "5") as apis:
        scenario = Scenario(apis, kafka, folder, with_topics=False)
        WAYS[way](scenario)
        recorded = scenario.start("recorded", LAUNCHER, "producer", "--until-caught-up", CRASH_RECORD=str(path))
        assert scenario.ended(recorded) == 0, scenario.tail("recorded")
        assert wrong(scenario, sweeps=way != "a first start") == []
    points = path.read_text().split("\n")[:-1]
    return points[points.index("init_transactions before#1") :]


def stopped_at(way: str, point: str, kafka: str, folder: Path) -> Verdict:
    """Stop at one point, let another lead and finish, wake the first up, judge."""
    problems: list[str] = []
    reached = False
    with stand_ins("--orders", "3", "--seed", "5") as apis:
        scenario = Scenario(apis, kafka, folder, with_topics=False)
        try:
            WAYS[way](scenario)
            sleeper = scenario.start("victim", LAUNCHER, "producer", "--until-caught-up", STOP_AT=point)
            try:
                reached = stopped(sleeper.pid)
                problems += scenario.finish(module="producer")
                kept = len(read(kafka, scenario.topics.journal))
            finally:
                sleeper.send_signal(signal.SIGCONT)
                code = scenario.ended(sleeper)
            if code != 0:
                problems.append(f"the one that slept ended with {code}")
            problems += wrong(scenario, sweeps=way != "a first start")
            found = len(read(kafka, scenario.topics.journal))
            if way == "a first start" and found != kept:
                problems.append(f"woken up, it published {found - kept} entries")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
    logs = f"--- slept\n{scenario.tail('victim')}\n--- heir\n{scenario.tail('heir')}" if problems else ""
    return Verdict(way, point, reached, tuple(problems), logs)


@pytest.mark.timeout(1500)
def test_a_producer_stopped_at_any_step_publishes_nothing_once_another_leads(kafka: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lists = list(pool.map(lambda way: points_of(way, kafka, tmp_path), WAYS))
        tried = []
        for way, points in zip(WAYS, lists, strict=True):
            few = [point for point in points if point.startswith(IMPORTANT)]
            few = list(dict.fromkeys([*few, *spread(points, SAMPLE)]))
            for point in worth_a_stop(points) if ALL else few:
                tried.append(pool.submit(stopped_at, way, point, kafka, tmp_path))
        judge([future.result() for future in tried])
