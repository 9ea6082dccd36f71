"""A ledger of many rows is rebuilt when partitions are taken over: time until ready, memory, bytes a row on disk."""

import json
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from bench.charts import lines
from bench.processes import Programs, memory_mb, settings, standin
from bench.report import Section, Table, say, spread
from bench.setting import Setting
from bench.topics import PARTITIONS, fill_ledger, own_topics


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One take-over: seconds from the assignment until the last partition was ready, CPU seconds, MB, bytes a row."""

    rows: int
    ready_seconds: float
    cpu_seconds: float
    memory_mb: float
    peak_mb: float
    disk_bytes_a_row: float


def measure(setting: Setting) -> Section:
    """Measure every size."""
    found: dict[int, list[Rebuilt]] = {}
    for rows in (0, *setting.sizes.ledger_rows):
        found[rows] = take_over(setting.kafka, setting.folder, rows, setting.sizes.runs)
        say(f"ledger: {rows:,} rows: {found[rows][-1]}")
    return _section(found)


def _section(found: dict[int, list[Rebuilt]]) -> Section:
    empty = found[0]
    rows = [
        (
            f"{count:,}",
            spread((run.ready_seconds for run in runs), 2),
            spread((run.cpu_seconds for run in runs), 2),
            spread(_extra_micros(run, empty) for run in runs) if count else "",
            spread((run.memory_mb for run in runs), 0),
            spread((run.peak_mb for run in runs), 0),
            spread((run.disk_bytes_a_row for run in runs), 0) if count else "",
        )
        for count, runs in found.items()
    ]
    heads = (
        "rows",
        "seconds to ready",
        "CPU s of the process",
        "CPU µs a row",
        "MB",
        "MB at most",
        "bytes a row on disk",
    )
    times = [(float(count), median(run.ready_seconds for run in runs)) for count, runs in found.items() if count]
    cpu = [(float(count), median(run.cpu_seconds for run in runs)) for count, runs in found.items() if count]
    grows = "Rows cost the same whether there are few or many: the cost grows linearly, on top of a start without rows."
    chart = lines("Ledger: time until all partitions are ready", "rows", "seconds", {"ready": times, "CPU": cpu})
    return Section(
        "ledger",
        "The ledger is read anew at each take-over",
        [
            f"One processor takes over all 6 partitions. {grows} The time counts from the assignment.",
            Table(heads, rows),
        ],
        {"ledger": chart},
    )


def _extra_micros(run: Rebuilt, empty: list[Rebuilt]) -> float:
    return (run.cpu_seconds - median(one.cpu_seconds for one in empty)) / run.rows * 1e6


def take_over(kafka: str, folder: Path, rows: int, runs: int) -> list[Rebuilt]:
    """Fill one deliveries topic, and let a processor of its own take it over so many times."""
    with own_topics(kafka) as topics:
        fill_ledger(kafka, topics, rows)
        return [_take_over(kafka, folder, topics.prefix, rows) for _ in range(runs)]


def _take_over(kafka: str, folder: Path, prefix: str, rows: int) -> Rebuilt:
    disk = Path(tempfile.mkdtemp(dir=folder))
    with standin("--orders", 1) as apis, Programs(folder) as programs:
        program = programs.start("processor", settings(apis.environment, kafka, prefix, TMPDIR=str(disk)))
        with _Watch(disk) as watch:
            programs.wait_until_ready(PARTITIONS)
            time.sleep(0.5)
        cpu, memory = program.cpu(), memory_mb(program.pid)
        peak = program.end().peak_mb
    assigned, ready = _times(program.log)
    return Rebuilt(rows, ready - assigned, cpu, memory, peak, watch.bytes / rows if rows else 0.0)


def _times(log: Path) -> tuple[float, float]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]

    def at(event: str) -> list[float]:
        return [datetime.fromisoformat(line["timestamp"]).timestamp() for line in lines if line["event"] == event]

    return at("partitions assigned")[0], at("partition ready")[-1]


class _Watch:
    """The largest size that the files of a folder had."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._over = folder, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.bytes = 0

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            found = sum(_size(path) for path in self._folder.rglob("*"))
            self.bytes = max(self.bytes, found)


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except FileNotFoundError:
        return 0
