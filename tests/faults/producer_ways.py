"""The ways a producer may go, from its start to its end, and what must be in its topics afterwards."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.expected import REQUESTED
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import Cursor, Origin
from tests.faults.points import LAUNCHER, record
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import sandbox
from tests.harness.topics import journal_entries, read_whole
from tests.harness.waiting import LONG, wait_until


@dataclass(frozen=True, slots=True)
class Way:
    """`go` starts the producer under test, which then ends by itself; `before` is what happened until then."""

    name: str
    before: Callable[[Scenario], None]
    go: Callable[[Scenario, dict[str, str]], "subprocess.Popen[bytes]"]
    sweeps: bool = False


@contextmanager
def shop(kafka: str, folder: Path) -> Iterator[Scenario]:
    """A shop with a few orders, whose topics nobody has created yet."""
    with (
        sandbox("--orders", "3", "--seed", "5") as apis,
        Scenario(apis, kafka, folder, with_topics=False) as scenario,
    ):
        yield scenario


def nothing(scenario: Scenario) -> None:
    """A first start, of a program whose topics are not there yet."""


def once(scenario: Scenario) -> None:
    """It ran before; since then there are new orders, and a sweep is due."""
    scenario.programs.environment["SWEEP_INTERVAL_SECONDS"] = "6"  # so long that a slow run does not sweep twice
    scenario.programs.catch_up("producer")
    now = int(time.time())  # a sweep does not look back beyond the first start
    scenario.place(log_types=[1, 2], date_add=now, date_confirmed=now)
    time.sleep(6.5)


def to_the_end(scenario: Scenario, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Until caught up."""
    return scenario.programs.start(LAUNCHER, "producer", "--until-caught-up", **environment)


def polling(scenario: Scenario, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Poll after poll; orders come while it runs."""
    programs = scenario.programs
    process = programs.start(LAUNCHER, "producer", **environment)
    for seen in range(1, 5):
        wait_until(
            lambda seen=seen: programs.logged("published") >= seen or process.poll() is not None,  # type: ignore[misc]
            LONG,
            "it publishes, or ends",
        )
        scenario.place(index=seen)
    time.sleep(2.5)
    process.terminate()
    return process


WAYS = (
    Way("a first start", nothing, to_the_end),
    Way("a settled pass and a sweep", once, to_the_end, sweeps=True),
    Way("polls", nothing, polling),
)


def wrong(scenario: Scenario, sweeps: bool) -> list[str]:
    """What is not as it should be in the journal topic and in the cursor."""
    base: dict[str, Any] = fetch_state(scenario.apis["BASELINKER_API_URL"])
    named = {log["log_id"]: log["order_id"] for log in base["logs"] if log["log_type"] in REQUESTED}
    messages = read_whole(scenario.kafka, scenario.topics.journal)
    entries = journal_entries(scenario.kafka, scenario.prefix)
    found = [
        f"log {entry.log_id}: its key is not its order"
        for entry, message in zip(entries, messages, strict=True)
        if message.key() != str(entry.order_id).encode()
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
    newest = read_whole(scenario.kafka, scenario.topics.cursor)[-1].value()
    assert isinstance(newest, bytes)
    cursor = make_codec(scenario.topics, None).decode(newest, Cursor)
    behind = [log_id for log_id in named if log_id > cursor.settled_log_id and log_id not in cursor.recent_log_ids]
    if behind or not set(cursor.recent_log_ids) <= named.keys() or cursor.settled_log_id > max(named):
        found.append(f"the cursor does not fit: {cursor}, logs {sorted(named)}")
    swept = {entry.order_id for entry in entries if entry.origin is Origin.BACKFILL}
    recent = {order["order_id"] for order in base["orders"] if order["confirmed"] and order["order_id"] >= 800_000_000}
    if sweeps and not recent <= swept:
        found.append(f"the sweep left out orders {sorted(recent - swept)}")
    return found


def points_of(way: Way, kafka: str, folder: Path) -> list[str]:
    """Let the producer go the way to its end; return the points it passed, in order."""

    def go() -> list[str]:
        with shop(kafka, folder) as scenario:
            way.before(scenario)
            path = scenario.programs.folder / "points"
            assert way.go(scenario, {"CRASH_RECORD": str(path)}).wait(LONG) == 0, scenario.programs.tails()
            assert wrong(scenario, way.sweeps) == [], f"{way.name} goes wrong without any fault"
            return path.read_text().split("\n")[:-1]

    return record(go)
