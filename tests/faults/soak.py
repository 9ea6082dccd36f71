"""`make soak`: every fault, long, on a broker of its own; one table, exit 1 if any failed.

Two lanes run side by side, for most of it is waiting; each does its parts one after the other. `SOAK_MINUTES=30` in
all: the slices and sizes of the parts scale with it. `SOAK_ONLY="stops,API faults"` runs only
some parts. A part that overruns its slice is ended and has failed; so has one whose tests are not there. Ctrl-C ends
the part that runs and prints what was done so far. Logs and results stay in the folder that is named at the end.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from sandbox.kafka import NoKafka, start_kafka
from tests.faults.breakage import CRASH, FAULTS, PRODUCER, STOP

PYTEST = ("-o", "addopts=--import-mode=importlib", "-q", "-ra", "--no-header")
USUAL_MINUTES = 30.0
GRACE_SECONDS = 20.0
MOST_ROWS = 6  # of one part in the table
COLUMNS = ("what", "seed", "size", "faults", "seconds", "lost", "doubled", "out of order", "verdict")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """`seconds`: its slice of a scale of 1; in `environment`, {name} stands for a size worked out from it."""

    name: str
    seconds: float
    tests: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 0


def _points(kind: str, seconds: float, test: str) -> Part:
    return Part(kind, seconds, (test,), {"CRASH_POINTS": "all", "CRASH_SECONDS": "{begin}"})


def _kills(protocol: str, seconds: float, storm: str) -> Part:
    environment = {"PROTOCOL": protocol, "ENTRIES": "{entries}", "SECONDS": storm}
    return Part(f"random kills, {protocol}", seconds, (f"{FAULTS}/test_random_kills.py",), environment)


LANES = (
    (
        _points("kill -9, processor", 320, CRASH),
        _points("kill -9, producer", 130, PRODUCER),
        _points("SIGSTOP, processor", 180, STOP),
        _points("SIGSTOP, producer", 110, f"{FAULTS}/test_stop_points_producer.py"),
        Part(
            "stops",
            560,
            (f"{FAULTS}/test_stops.py",),
            {"STOPS": "{stops}", "STOPS_AT_ONCE": "6", "STOPS_PROCESSORS": "4"},
        ),
        Part(
            "hostile, properties",
            420,
            ("tests/hostile", "tests/properties"),
            {"HYPOTHESIS_PROFILE": "soak", "SOAK_CASES": "{cases}"},
        ),
    ),
    (
        _kills("cooperative", 210, "{storm}"),
        _kills("range", 210, "{storm}"),
        _kills("consumer", 260, "{short_storm}"),  # a killed member's partitions wait for the broker's session time-out
        Part(
            "API faults",
            440,
            (f"{FAULTS}/test_api_faults.py", f"{FAULTS}/test_api_stops.py"),
            {"API_FAULTS": "{cells}"},
            4,
        ),
        Part("broker faults", 640, (f"{FAULTS}/test_broker_faults.py",), {"BROKER_ROUNDS": "{rounds}"}),
    ),
)
PARTS = tuple(part for lane in LANES for part in lane)


@dataclass(frozen=True, slots=True)
class Done:
    """A part's rows of the table: what its tests handed over, or what pytest said."""

    part: Part
    fine: bool
    rows: tuple[Mapping[str, Any], ...]


class Soak:
    """Runs parts; `stop` (Ctrl-C, SIGTERM) ends the one that runs, and no other is begun."""

    def __init__(self, folder: Path, scale: float, seed: int, kafka: str) -> None:
        self._folder, self._scale, self._seed, self._kafka = folder, scale, seed, kafka
        self._stopped = False

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End soon."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to end."""
        return self._stopped

    def run(self, part: Part, until: float) -> Done:
        """Run one part, at most until then: what those before it left over is its own."""
        missing = [path for path in part.tests if not Path(path.partition("::")[0]).exists()]
        if missing:
            return _one_row(part, "missing", self._seed, size=f"no {', '.join(missing)}")
        slice_ = part.seconds * self._scale
        limit = until - time.monotonic()
        if limit <= 0:
            return _one_row(part, "no time left", self._seed)
        results = self._folder / f"{_file_name(part)}.jsonl"
        began = time.monotonic()
        with (self._folder / f"{_file_name(part)}.log").open("w") as log:
            tests = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "pytest",
                    *PYTEST,
                    "-n",
                    str(part.workers),
                    "-o",
                    f"timeout={limit:.0f}",
                    *part.tests,
                ],
                env={**os.environ, **self._environment(part, slice_), "SOAK_RESULTS": str(results)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            ended = self._wait(tests, limit)
            rows = _read(results)
            if ended:  # what a test says while it is ended is no result
                _end(tests)
        seconds = round(time.monotonic() - began)
        said = _last_line(self._folder / f"{_file_name(part)}.log")
        if ended:
            rows.append({"what": part.name, "seed": self._seed, "seconds": seconds, "size": said, "verdict": ended})
        elif not rows or (tests.returncode and all(row.get("verdict") == "passed" for row in rows)):
            verdict = "failed" if tests.returncode else "passed"
            rows.append({"what": part.name, "seed": self._seed, "seconds": seconds, "size": said, "verdict": verdict})
        fine = not ended and tests.returncode == 0 and all(row.get("verdict", "passed") == "passed" for row in rows)
        return Done(part, fine, gathered(part, rows, seconds))

    def _environment(self, part: Part, seconds: float) -> dict[str, str]:
        sizes = {
            "begin": f"{max(seconds - 50, seconds / 2):.0f}",  # the points begun last take so long
            "entries": f"{5000 / 3 * self._scale:.0f}",
            "storm": f"{seconds - min(100, seconds / 2):.0f}",  # the rest is for the start and for what is left over
            "short_storm": f"{seconds - min(170, seconds * 2 / 3):.0f}",
            "stops": f"{max(8, 200 * self._scale):.0f}",
            "cells": f"{max(4, 24 * self._scale):.0f}",
            "cases": f"{0.1 * self._scale:.4f}",
            "rounds": f"{max(1, 2 * self._scale):.0f}",
        }
        given = {name: value.format(**sizes) for name, value in part.environment.items()}
        return {"KAFKA_BOOTSTRAP_SERVERS": self._kafka, "REQUIRE_KAFKA": "1", "SEED": str(self._seed), **given}

    def _wait(self, tests: "subprocess.Popen[bytes]", seconds: float) -> str:
        """Wait for the tests; return why they have to be ended, or nothing."""
        until = time.monotonic() + seconds
        while not self._stopped and time.monotonic() < until:
            try:
                tests.wait(0.5)
                return ""
            except subprocess.TimeoutExpired:
                continue
        return "ended by hand" if self._stopped else "took too long"


def _end(tests: "subprocess.Popen[bytes]") -> None:
    """End the tests, and kill whatever they leave behind."""
    tests.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        tests.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(tests.pid, signal.SIGKILL)
    tests.wait()


def _read(results: Path) -> list[dict[str, Any]]:
    """What the tests handed over so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def gathered(part: Part, rows: Sequence[Mapping[str, Any]], seconds: int) -> tuple[Mapping[str, Any], ...]:
    """Many rows that passed become one; what failed keeps its own."""
    passed = [row for row in rows if row.get("verdict", "passed") == "passed"]
    if len(passed) <= MOST_ROWS:
        return tuple(rows)
    sums = {
        name: sum(row[name] for row in passed if name in row)
        for name in ("faults", "lost", "doubled", "out_of_order")
        if any(name in row for row in passed)
    }
    size = f"{len(passed)} cases, {sum(row.get('orders', 0) for row in passed)} orders"
    one = {"what": part.name, "seed": passed[0].get("seed"), "seconds": seconds, "size": size, **sums}
    return one, *(row for row in rows if row not in passed)


def _one_row(part: Part, verdict: str, seed: int, **more: Any) -> Done:
    return Done(part, False, ({"what": part.name, "seed": seed, "verdict": verdict, **more},))


def _file_name(part: Part) -> str:
    return re.sub(r"\W+", "-", part.name)


def _last_line(path: Path) -> str:
    """What pytest counted: `12 passed, 1 failed`."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if re.search(r" in [\d.]+s", line)]
    return re.sub(r" in [\d.]+s.*| warnings?|=", "", lines[-1]).strip() if lines else "no result"


def table(done: Sequence[Done]) -> Table:
    """All that was done, a row for each thing tried."""
    found = Table(*COLUMNS, title="soak")
    for one in done:
        for row in one.rows:
            size = row.get("size") or (f"{row['orders']} orders" if "orders" in row else "")
            cells = [row["what"], row.get("seed"), size, row.get("faults"), row.get("seconds"), row.get("lost")]
            cells += [row.get("doubled"), row.get("out_of_order"), row.get("verdict", "passed")]
            style = "" if cells[-1] == "passed" else "bold red"
            found.add_row(*("" if cell is None else str(cell) for cell in cells), style=style)
    return found


def main() -> int:
    """Run all parts, or those that SOAK_ONLY names; print the table."""
    minutes = float(os.environ.get("SOAK_MINUTES") or USUAL_MINUTES)
    scale = minutes * 60 / max(sum(part.seconds for part in lane) for lane in LANES)
    seed = int(os.environ.get("SEED") or time.time())
    only = {name.strip() for name in os.environ.get("SOAK_ONLY", "").split(",") if name.strip()}
    parts = [part for part in PARTS if not only or any(word in part.name for word in only)]
    folder = Path(tempfile.mkdtemp(prefix="bl2sm-soak-"))
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    if not parts:
        console.print(f"no such part; there are: {', '.join(part.name for part in PARTS)}")
        return 2
    done: dict[Part, Done] = {}
    began = time.monotonic()
    until = began + minutes * 60 * 1.05
    try:
        with start_kafka() as kafka:
            soak = Soak(folder, scale, seed, kafka.bootstrap)
            for name in (signal.SIGINT, signal.SIGTERM):
                signal.signal(name, soak.stop)
            console.print(f"{minutes:g} minutes, seed {seed}, Kafka: {kafka.way}, logs in {folder}")

            def work(lane: Sequence[Part]) -> None:
                mine = [part for part in lane if part in parts]
                for number, part in enumerate(mine):
                    if not soak.stopped:
                        console.print(f"{time.strftime('%H:%M:%S')} {part.name} ({part.seconds * scale:.0f} s)")
                        kept = sum(later.seconds for later in mine[number + 1 :]) * scale
                        done[part] = soak.run(part, until - kept)

            with ThreadPoolExecutor(len(LANES)) as pool:
                for lane in [pool.submit(work, lane) for lane in LANES]:
                    lane.result()
    except NoKafka as error:
        console.print(str(error))
        return 1
    console.print(table([done[part] for part in parts if part in done]))
    failed = [one.part.name for one in done.values() if not one.fine]
    left_out = [part.name for part in parts if part not in done]
    console.print(f"{time.monotonic() - began:.0f} s; logs in {folder}")
    if failed or left_out:
        console.print(f"failed: {', '.join(failed) or 'none'}; not run: {', '.join(left_out) or 'none'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
