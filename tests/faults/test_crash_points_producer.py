"""The producer killed -9 at every step: afterwards the journal holds each log id once, and the cursor fits."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.expected import REQUESTED
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import Cursor, JournalEntry, Origin
from tests.faults.points import ALL, AT_ONCE, Verdict, chosen, judge, record, spread, try_all, worth_a_kill
from tests.faults.scenario import LAUNCHER, UP_TO_SECONDS, Scenario, read, stand_ins

pytestmark = pytest.mark.slow


SAMPLE = 4  # points of each way


@dataclass(frozen=True, slots=True)
class Way:
    """`go` runs the producer under test to its end; `before` is what happened until then."""

    name: str
    before: Callable[[Scenario], None]
    go: Callable[[Scenario, dict[str, str]], int | None]
    sweeps: bool = False


def nothing(scenario: Scenario) -> None:
    """A first start, of a program whose topics are not there yet."""


def once(scenario: Scenario) -> None:
    """It ran before; since then there are new orders, and a sweep is due."""
    scenario.over = {"SWEEP_INTERVAL_SECONDS": "6"}  # long enough that a slow run does not sweep twice
    assert scenario.finish("before", "producer") == []
    now = int(time.time())  # a sweep does not look back beyond the first start
    scenario.place(log_types=[1, 2], date_add=now, date_confirmed=now)
    time.sleep(6.5)


def to_the_end(scenario: Scenario, environment: dict[str, str]) -> int | None:
    """Until caught up."""
    return scenario.ended(scenario.start("victim", LAUNCHER, "producer", "--until-caught-up", **environment))


def polling(scenario: Scenario, environment: dict[str, str]) -> int | None:
    """Poll after poll; orders come while it runs, some late: with a log id below those that were read."""
    process = scenario.start("victim", LAUNCHER, "producer", **environment)
    until = time.monotonic() + UP_TO_SECONDS
    seen = 0
    while seen < 4 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
        if scenario.tail("victim", 1000).count('"published"') > seen:
            seen += 1
            scenario.place(index=seen)
    time.sleep(2.5)
    if process.poll() is None:
        process.terminate()
    return scenario.ended(process)


WAYS = (
    Way("a first start", nothing, to_the_end),
    Way("a settled pass and a sweep", once, to_the_end, sweeps=True),
    Way("polls", nothing, polling),
)


def killed_at(way: Way, point: str, kafka: str, folder: Path) -> Verdict:
    """Kill at one point, start again, judge; an empty point = record instead, into `<way>.points`."""
    problems: list[str] = []
    code = None
    with stand_ins("--orders", "3", "--seed", "5") as apis:
        scenario = Scenario(apis, kafka, folder, with_topics=False)
        try:
            way.before(scenario)
            environment = {"CRASH_AT": point} if point else {"CRASH_RECORD": str(folder / f"{way.name}.points")}
            code = way.go(scenario, environment)
            if code not in {0, -signal.SIGKILL}:
                problems.append(f"the victim came neither to its point nor to its end: {code}")
            problems += scenario.finish(module="producer")
            problems += wrong(scenario, way.sweeps)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
    logs = f"--- victim\n{scenario.tail('victim')}\n--- heir\n{scenario.tail('heir')}" if problems else ""
    return Verdict(way.name, point, code == -signal.SIGKILL, tuple(problems), logs)


def points_of(way: Way, kafka: str, folder: Path) -> list[str]:
    """Let the producer go the way to its end; return the points it passed, in order."""

    def go() -> list[str]:
        path = folder / f"{way.name}.points"
        path.unlink(missing_ok=True)
        recorded = killed_at(way, "", kafka, folder)
        assert not recorded.problems, f"{way.name} goes wrong without any fault: {recorded}"
        return path.read_text().split("\n")[:-1]

    return record(go)


def wrong(scenario: Scenario, sweeps: bool) -> list[str]:
    """What is not as it should be in the journal topic and in the cursor."""
    base: dict[str, Any] = fetch_state(scenario.apis["BASELINKER_API_URL"])
    named = {log["log_id"]: log["order_id"] for log in base["logs"] if log["log_type"] in REQUESTED}
    codec = make_codec(scenario.topics, None)
    messages = read(scenario.kafka, scenario.topics.journal)
    entries = [codec.decode(value or b"", JournalEntry) for _, _, _, value, _ in messages]
    found = [
        f"log {entry.log_id}: its key is not its order"
        for entry, (_, _, key, _, _) in zip(entries, messages, strict=True)
        if key != str(entry.order_id).encode()
    ]
    journal = [entry for entry in entries if entry.origin is Origin.JOURNAL]
    counts = Counter(entry.log_id for entry in journal)
    found += [f"log {log_id} lies {counts[log_id]} times in the journal" for log_id in named if counts[log_id] != 1]
    found += [f"log {log_id} was never in BaseLinker's journal" for log_id in counts.keys() - named.keys()]
    last: dict[int, int] = {}
    for entry in journal:
        if entry.log_id < last.get(entry.order_id, 0):
            found.append(f"order {entry.order_id}: log {entry.log_id} lies behind a later one")
        last[entry.order_id] = entry.log_id
    rows = [codec.decode(value or b"", Cursor) for *_, value, _ in read(scenario.kafka, scenario.topics.cursor)]
    cursor = rows[-1]
    behind = [log_id for log_id in named if log_id > cursor.settled_log_id and log_id not in cursor.recent_log_ids]
    if behind or not set(cursor.recent_log_ids) <= named.keys() or cursor.settled_log_id > max(named):
        found.append(f"the cursor does not fit: {cursor}, logs {sorted(named)}")
    swept = {entry.order_id for entry in entries if entry.origin is Origin.BACKFILL}
    recent = {order["order_id"] for order in base["orders"] if order["confirmed"] and order["order_id"] >= 800_000_000}
    if sweeps and not recent <= swept:
        found.append(f"the sweep left out orders {sorted(recent - swept)}")
    return found


@pytest.mark.timeout(1500)
def test_a_producer_killed_at_any_step_skips_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    ways = [way for way in WAYS if chosen(way.name)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lists = list(pool.map(lambda way: points_of(way, kafka, tmp_path), ways))
        tried = []
        known: set[str] = set()
        for way, points in zip(ways, lists, strict=True):
            wanted = [point for point in worth_a_kill(points) if point not in known]
            if way.before is nothing:
                known |= set(points)
            for point in wanted if ALL else spread(wanted, SAMPLE):
                tried.append(partial(killed_at, way, point, kafka, tmp_path))
        judge("kill -9, producer", try_all(pool, tried), len(tried))
