"""A backlog through real Kafka, SALESmanago answering in 100 ms, BaseLinker's limit lifted: orders a second, CPU an order.

Each measurement has topics and a stand-in of its own. The processors are members before the journal is filled, so that
no rebalance is measured; the rate counts from the first purchase to the last.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Program, Programs, Standin, new_prefix, settings, standin, wait_for
from bench.shop import Choice, make
from bench.topics import PARTITIONS, delete_topics, fill_journal, make_topics

LATENCY = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: orders delivered, orders a second, CPU ms an order (of the programs alone), peak MB of one program."""

    orders: int
    per_second: float
    cpu_ms: float
    peak_mb: float
    baselinker: int
    salesmanago: int
    standin_cpu_ms: float


def measure_ours(kafka: str, folder: Path, orders: int, processors: int, latency: float = LATENCY) -> Measured:
    """Measure our processors."""
    prefix = new_prefix()
    topics = make_topics(kafka, prefix)
    with standin("--orders", orders, "--latency", latency) as apis, Programs(folder) as programs:
        logs = make(Choice(orders), int(time.time())).logs
        environment = settings(apis.environment, kafka, prefix)
        running = [programs.start("processor", environment) for _ in range(processors)]
        wait_for(lambda: _all_members(running), 120, "every processor has partitions")
        before = sum(program.cpu() for program in running)
        fill_journal(kafka, topics, logs)
        found = _until_done(programs, running, apis, orders, before)
    delete_topics(kafka, prefix)
    return found


def measure_rival(kafka: str, folder: Path, module: str, orders: int, latency: float = LATENCY) -> Measured:
    """Measure one of the rivals: the same topics, entries and stand-in."""
    prefix = new_prefix()
    topics = make_topics(kafka, prefix)
    with standin("--orders", orders, "--latency", latency) as apis, Programs(folder) as programs:
        fill_journal(kafka, topics, make(Choice(orders), int(time.time())).logs)
        running = [programs.start(module, settings(apis.environment, kafka, prefix))]
        wait_for(apis.purchases, 120, "the first purchase", pause=0.05)
        found = _until_done(programs, running, apis, orders, running[0].cpu())
    delete_topics(kafka, prefix)
    return found


def _all_members(running: list[Program]) -> bool:
    """Whether the partitions lie with all members, and all are ready."""
    ready = [program.said("partition ready") for program in running]
    return sum(ready) >= PARTITIONS and all(ready) and all(program.alive() for program in running)


def _until_done(programs: Programs, running: list[Program], apis: Standin, orders: int, before: float) -> Measured:
    first, last_seen, moved_at = apis.state(), -1, time.monotonic()
    while (came := apis.purchases()) < orders:
        programs.must_run()
        if came != last_seen:
            last_seen, moved_at = came, time.monotonic()
        if time.monotonic() - moved_at > 60:
            raise RuntimeError(f"nothing came for a minute: {came} of {orders} orders")
        time.sleep(0.1)
    time.sleep(1.5)  # the last rows and offsets are part of the work
    cpu = sum(program.cpu() for program in running) - before
    state = apis.state(whole=True)
    usages = [program.end() for program in running]
    at = state["came_at"]
    if state["doubled"]:
        raise RuntimeError(f"{state['doubled']} purchases came twice")
    done = len(at) - first["purchases"]
    return Measured(
        orders=done,
        per_second=(len(at) - 1) / (at[-1] - at[0]),
        cpu_ms=cpu / done * 1000,
        peak_mb=max(usage.peak_mb for usage in usages),
        baselinker=sum(state["baselinker"].values()),
        salesmanago=sum(state["salesmanago"].values()),
        standin_cpu_ms=(state["cpu"] - first["cpu"]) / done * 1000,
    )
