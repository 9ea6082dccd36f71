"""The producer killed -9 at every step: afterwards the journal holds each log id once, and the cursor fits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.faults.points import ALL, AT_ONCE, Verdict, attempt, chosen, judge, killed, spread, try_all, worth_a_kill
from tests.faults.producer_ways import WAYS, Way, nothing, points_of, shop, wrong

Try = Callable[[], Verdict]
SAMPLE = 4  # points of each way
FEW = {"a first start": ("commit_transaction before#2", "commit_transaction after#2")}


def killed_at(way: Way, point: str, kafka: str, folder: Path) -> Verdict:
    """Kill at one point, start again, judge."""
    problems: list[str] = []
    reached = False
    with shop(kafka, folder) as scenario:
        try:
            way.before(scenario)
            reached = killed(way.go(scenario, {"CRASH_AT": point}), problems)
            problems += attempt(lambda: scenario.programs.catch_up("producer"))
            problems += wrong(scenario, way.sweeps)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        return Verdict(way.name, point, reached, tuple(problems), scenario.programs.tails() if problems else "")


def usual_points(pool: ThreadPoolExecutor, kafka: str, folder: Path) -> list[Try]:
    """A spread sample of the recorded points of each way, or all of them."""
    ways = [way for way in WAYS if chosen(way.name)]
    tried: list[Try] = []
    known: set[str] = set()
    lists = list(pool.map(lambda way: points_of(way, kafka, folder), ways))
    for way, points in zip(ways, lists, strict=True):
        wanted = [point for point in worth_a_kill(points) if point not in known]
        if way.before is nothing:
            known |= set(points)
        tried += [
            partial(killed_at, way, point, kafka, folder) for point in (wanted if ALL else spread(wanted, SAMPLE))
        ]
    return tried


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("sample", ["few", pytest.param("usual", marks=pytest.mark.slow)])
def test_a_producer_killed_at_any_step_skips_and_doubles_nothing(kafka: str, tmp_path: Path, sample: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        if sample == "few":
            tried: list[Try] = [
                partial(killed_at, way, point, kafka, tmp_path) for way in WAYS for point in FEW.get(way.name, ())
            ]
        else:
            tried = usual_points(pool, kafka, tmp_path)
        judge("kill -9, producer", try_all(pool, tried), len(tried))
