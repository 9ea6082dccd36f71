"""A backlog through real Kafka, SALESmanago answering in 100 ms, BaseLinker's limit lifted: orders a second, CPU.

Each measurement has topics and a stand-in of its own. The processors are members before the journal is filled, so that
no rebalance is measured; the rate counts from the first purchase to the last.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.charts import Bar, bars
from bench.processes import Program, Programs, Standin, settings, standin, wait_for
from bench.report import Section, Table, say, spread
from bench.setting import Setting
from bench.shop import Choice, make
from bench.topics import PARTITIONS, fill_journal, own_topics
from schemas.topics import Topics

LATENCY = 0.1
NAMES = {
    "plain": "confluent-kafka, a plain loop",
    "quix": "quixstreams",
    "fast_stream": "faststream",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: orders delivered, orders a second, CPU ms an order (of the programs alone), peak MB of one program."""

    orders: int
    per_second: float
    cpu_ms: float
    peak_mb: float
    baselinker_per_1000: float
    salesmanago_an_order: float
    standin_cpu_ms: float


def measure(setting: Setting) -> Section:
    """Measure ours and the rivals in turns."""
    sizes, kafka, folder = setting.sizes, setting.kafka, setting.folder
    found: dict[str, list[Measured]] = defaultdict(list)
    for run in range(sizes.runs):
        for count in sizes.backlog_processors:
            found[_name(count)].append(measure_ours(kafka, folder, sizes.backlog_orders, count))
        for rival in sizes.rivals:
            python = sys.executable if rival == "plain" else setting.rivals_python
            found[NAMES[rival]].append(measure_rival(kafka, folder, rival, sizes.rival_orders, python))
        rates = {name: round(rows[-1].per_second, 1) for name, rows in found.items()}
        say(f"backlog: run {run + 1} of {sizes.runs}: {rates}")
    return _section(found)


def _name(processors: int) -> str:
    return f"this program, {processors} processor{'s' if processors > 1 else ''}"


def _section(found: dict[str, list[Measured]]) -> Section:
    best = max((_middle(rows) for name, rows in found.items() if name in NAMES.values()), default=0.0)
    rows = [
        (
            name,
            f"{runs[0].orders:,}",
            spread(run.per_second for run in runs),
            f"{_middle(runs) / best:.1f} ×" if best else "-",
            spread((run.cpu_ms for run in runs), 2),
            spread((run.peak_mb for run in runs), 0),
            spread((run.baselinker_per_1000 for run in runs), 0),
            spread((run.salesmanago_an_order for run in runs), 2),
        )
        for name, runs in found.items()
    ]
    heads = (
        "orders of a backlog", "orders", "orders/s", "to the best rival", "CPU ms an order", "MB a process",
        "BaseLinker requests per 1,000", "SALESmanago requests an order",
    )  # fmt: skip
    shown = [Bar(name, _middle(runs), name not in NAMES.values()) for name, runs in found.items()]
    ours = [run.standin_cpu_ms for name, runs in found.items() if name not in NAMES.values() for run in runs]
    return Section(
        "backlog",
        "A backlog, BaseLinker's limit lifted",
        [
            "SALESmanago's stand-in answers after 100 ms, BaseLinker's at once; each order is a contact and a PURCHASE."
            " The rivals do one order after the other, as their guides show it: one `getOrders`, one upsert, one event;"
            " they look for no earlier purchase and keep no ledger. Broker and stand-ins share the machine's cores; the"
            f" stand-ins take {median(ours):.2f} ms CPU an order.",
            Table(heads, rows),
        ],
        {"backlog": bars("A backlog, SALESmanago answering in 100 ms", "orders/s", shown)},
    )


def _middle(runs: list[Measured]) -> float:
    return median(run.per_second for run in runs)


def measure_ours(
    kafka: str,
    folder: Path,
    orders: int,
    processors: int,
    watch: Callable[[Program], None] = lambda program: None,
) -> Measured:
    """Measure our processors; `watch` is told the first one when the work begins."""
    with _scene(kafka, folder, orders) as (topics, apis, programs):
        logs = make(Choice(orders), int(time.time())).logs
        environment = settings(apis.environment, kafka, topics.prefix)
        for _ in range(processors):
            programs.start("processor", environment)
        programs.wait_until_ready(PARTITIONS)
        before = sum(program.cpu() for program in programs.started)
        fill_journal(kafka, topics, logs)
        watch(programs.started[0])
        return _until_done(programs, apis, orders, before)


def measure_rival(kafka: str, folder: Path, name: str, orders: int, python: str) -> Measured:
    """Measure one of the rivals: the same topics, entries and stand-in."""
    with _scene(kafka, folder, orders) as (topics, apis, programs):
        fill_journal(kafka, topics, make(Choice(orders), int(time.time())).logs)
        rival = programs.start(f"bench.rivals.{name}", settings(apis.environment, kafka, topics.prefix), python)
        wait_for(partial(_begun, programs, apis), 120, "the first purchase", pause=0.05)
        return _until_done(programs, apis, orders, rival.cpu())


@contextmanager
def _scene(kafka: str, folder: Path, orders: int) -> Iterator[tuple[Topics, Standin, Programs]]:
    with (
        own_topics(kafka) as topics,
        standin("--orders", orders, "--latency", LATENCY) as apis,
        Programs(folder) as programs,
    ):
        yield topics, apis, programs


def _begun(programs: Programs, apis: Standin) -> bool:
    programs.must_run()
    return apis.purchases() > 0


def _until_done(programs: Programs, apis: Standin, orders: int, before: float) -> Measured:
    first, last_seen, moved_at = apis.state(), -1, time.monotonic()
    while (came := apis.purchases()) < orders:
        programs.must_run()
        if came != last_seen:
            last_seen, moved_at = came, time.monotonic()
        if time.monotonic() - moved_at > 60:
            raise RuntimeError(f"nothing came for a minute: {came} of {orders} orders")
        time.sleep(0.1)
    time.sleep(1.5)  # the last rows and offsets are part of the work
    cpu = sum(program.cpu() for program in programs.started) - before
    state = apis.state(whole=True)
    usages = [program.end() for program in programs.started]
    at = state["came_at"]
    if state["doubled"]:
        raise RuntimeError(f"{state['doubled']} purchases came twice")
    done = len(at) - first["purchases"]
    return Measured(
        orders=done,
        per_second=(len(at) - 1) / (at[-1] - at[0]),
        cpu_ms=cpu / done * 1000,
        peak_mb=max(usage.peak_mb for usage in usages),
        baselinker_per_1000=sum(state["baselinker"].values()) / len(at) * 1000,
        salesmanago_an_order=sum(state["salesmanago"].values()) / len(at),
        standin_cpu_ms=(state["cpu"] - first["cpu"]) / done * 1000,
    )
