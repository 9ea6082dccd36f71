"""What the tests at recorded points share: the list of points, and the verdict on what was done at each.

With CRASH_SECONDS no new point is begun so many seconds after the start: as many as fit, in an order drawn by SEED.
"""

import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from tests.harness.seed import SEED
from tests.harness.soak_results import hand_over
from tests.harness.waiting import LONG, wait_until

AT_ONCE = int(os.environ.get("CRASH_AT_ONCE") or 12)
ALL = os.environ.get("CRASH_POINTS") == "all"
SECONDS = float(os.environ.get("CRASH_SECONDS") or math.inf)
STARTED = time.monotonic()
REJOINED = "subscribe before#2"
LAUNCHER = "tests.faults.crashing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one kill, or stop."""

    way: str
    point: str
    reached: bool
    problems: tuple[str, ...]
    logs: str


def attempt(call: Callable[[], object]) -> list[str]:
    """Call; return what went wrong in words, for the verdict."""
    try:
        call()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return [str(error)]
    return []


def killed(process: "subprocess.Popen[bytes]", problems: list[str]) -> bool:
    """Wait for the end of a program that is killed at a point; False when it ended without having passed it."""
    code = process.wait(LONG)
    if code not in {0, -signal.SIGKILL}:
        problems.append(f"the victim came neither to its point nor to its end: {code}")
    return code == -signal.SIGKILL


def stopped(process: "subprocess.Popen[bytes]") -> bool:
    """Wait until a process stops itself; False when it ends instead."""
    states: list[int] = []

    def changed() -> bool:
        found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            states.append(found.si_code)
        return found is not None

    wait_until(changed, LONG, "it comes to its point, or to its end")
    return states == [os.CLD_STOPPED]


def chosen(way: str) -> bool:
    """Whether a way is to be tried: all are, unless CRASH_WAY names one."""
    return os.environ.get("CRASH_WAY", way) == way


def record(go: Callable[[], list[str]]) -> list[str]:
    """Return the points of a run; on a machine so busy that the program rejoined the group, of another run."""
    for _ in range(4):
        points = go()
        if REJOINED not in points:
            break
    return points


def worth_a_kill(points: Sequence[str]) -> list[str]:
    """Leave out the points with nothing between them and the one before."""
    found = [point for point in points if " unchecked#" not in point]
    return [
        point
        for before, point in zip(["", *found], found, strict=False)
        if not (" before#" in point and (" after#" in before or " returned#" in before))
    ]


def worth_a_stop(points: Sequence[str]) -> list[str]:
    """All but the instant that cannot be closed; requests also just before the check at the write."""
    checked = {point for point in points if " unchecked#" in point}
    kept = {*worth_a_kill(points), *checked}
    return [point for point in points if point in kept and " unwritten#" not in point]


def spread(points: Sequence[str], count: int) -> list[str]:
    """Return so many points, evenly spread, first and last among them; one alone is drawn by the run's seed."""
    if count >= len(points):
        return list(points)
    if count == 1:
        return [random.Random(SEED).choice(points)]
    return [points[round(index * (len(points) - 1) / (count - 1))] for index in range(count)]


def try_all(pool: Executor, points: Sequence[Callable[[], Verdict]]) -> list[Verdict]:
    """Try every point, or those for which there is time: always a few, for the recording may have taken it all."""
    order = list(points)
    if math.isfinite(SECONDS):
        random.Random(SEED).shuffle(order)

    def one(number: int, point: Callable[[], Verdict]) -> Verdict | None:
        return point() if number < AT_ONCE or time.monotonic() - STARTED < SECONDS else None

    found = [future.result() for future in [pool.submit(one, *numbered) for numbered in enumerate(order)]]
    return [verdict for verdict in found if verdict is not None]


def judge(what: str, verdicts: Sequence[Verdict], known: int) -> None:
    """Fail with every point at which harm was done, and when points were not reached; `known` = how many there are."""
    reached = sum(verdict.reached for verdict in verdicts)
    print(f"{what}: {len(verdicts)} points of {known} tried, {reached} reached")
    wrong = [verdict for verdict in verdicts if verdict.problems]
    missed = [f"{one.way}: {one.point}" for one in verdicts if not one.reached]
    enough = bool(verdicts) and len(missed) <= len(verdicts) // 10
    lines = [line for one in wrong for line in one.problems]
    hand_over(
        what,
        SEED,
        STARTED,
        size=f"{len(verdicts)} of {known} points",
        faults=reached,
        lost=sum(": has 0 purchases" in line for line in lines),
        doubled=sum(": has " in line and ": has 0 " not in line for line in lines),
        verdict="passed" if not wrong and enough else "failed",
    )
    report = [f"{one.way}, at {one.point}:\n  " + "\n  ".join(one.problems) + f"\n{one.logs}" for one in wrong]
    assert not wrong, f"{len(wrong)} of {len(verdicts)} did harm\n" + "\n\n".join(report)
    assert enough, f"these points were not reached: {missed}"
