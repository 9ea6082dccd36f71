"""One order a second: how long from the journal's entry until its PURCHASE is at SALESmanago, and what it asks.

Producer and processor run with their default settings (a look every 10 s, a budget of 80 a minute).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.charts import Bar, bars
from bench.processes import Programs, Standin, settings, standin, wait_for
from bench.report import Section, Table, say, spread
from bench.setting import Setting
from bench.topics import PARTITIONS, own_topics

SECONDS_BETWEEN, LATENCY, NEVER = 1.0, 0.1, 1e9
PERCENTS = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Trickled:
    """Seconds from entry to PURCHASE, ascending; BaseLinker requests a minute while orders came."""

    latencies: list[float]
    requests_a_minute: float

    def percentile(self, percent: float) -> float:
        """Return the latency that so many percent keep."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


def measure(setting: Setting) -> Section:
    """Measure live and idle."""
    sizes = setting.sizes
    live = []
    for run in range(sizes.runs):
        live.append(measure_live(setting.kafka, setting.folder, sizes.trickle_orders, sizes.trickle_poll_seconds))
        say(f"trickle: run {run + 1} of {sizes.runs}: p50 {live[-1].percentile(50):.1f} s")
    rows = [("live, one order a second", spread(run.requests_a_minute for run in live))]
    if sizes.trickle_idle_seconds:
        idle = measure_idle(setting.kafka, setting.folder, sizes.trickle_idle_seconds, sizes.trickle_poll_seconds)
        rows.append(("idle", f"{idle:.1f}"))
    seconds = {percent: [run.percentile(percent) for run in live] for percent in PERCENTS}
    names = {percent: f"p{percent}" if percent < 100 else "slowest" for percent in PERCENTS}
    latency = Table(
        ("from the journal's entry to SALESmanago", *names.values()),
        [("seconds", *(spread(found, 2) for found in seconds.values()))],
    )
    every = f"{sizes.trickle_poll_seconds:g}"
    shown = [Bar(names[percent], median(found)) for percent, found in seconds.items()]
    return Section(
        "trickle",
        "Live: one order a second",
        [
            f"{sizes.trickle_orders} orders a run, the journal looked at every {every} s;"
            " SALESmanago answers in 100 ms.",
            latency,
            Table(("BaseLinker requests of both programs", "a minute"), rows),
        ],
        {"trickle": bars(f"From the journal's entry to SALESmanago, a look every {every} s", "seconds", shown)},
    )


def measure_live(kafka: str, folder: Path, orders: int, poll: float) -> Trickled:
    """Let so many orders come."""
    flags = ("--orders", orders, "--live", SECONDS_BETWEEN, "--latency", LATENCY)
    with own_topics(kafka) as topics, standin(*flags) as apis, Programs(folder) as programs:
        environment = _settings(apis, kafka, topics.prefix, poll)
        programs.start("processor", environment)
        programs.wait_until_ready(PARTITIONS)
        programs.start("producer", environment)
        wait_for(lambda: apis.purchases() >= orders, 180 + 3 * orders * SECONDS_BETWEEN, "every order came")
        programs.must_run()
        state = apis.state(whole=True)
    asked = state["asked_at"]
    minutes = max(asked[-1] - asked[0], 1.0) / 60
    return Trickled(sorted(state["latencies"]), len(asked) / minutes)


def measure_idle(kafka: str, folder: Path, seconds: float, poll: float) -> float:
    """Return the requests a minute while nothing comes."""
    with own_topics(kafka) as topics, standin("--orders", 1, "--live", NEVER) as apis, Programs(folder) as programs:
        environment = _settings(apis, kafka, topics.prefix, poll)
        for module in ("processor", "producer"):
            programs.start(module, environment)
        wait_for(lambda: sum(apis.state()["baselinker"].values()) >= 3, 120, "both programs ask")
        before = sum(apis.state()["baselinker"].values())
        time.sleep(seconds)
        programs.must_run()
        asked = int(sum(apis.state()["baselinker"].values())) - int(before)
    return asked / seconds * 60


def _settings(apis: Standin, kafka: str, prefix: str, poll: float) -> dict[str, str]:
    paced = {"BASELINKER_REQUESTS_PER_MINUTE": "80", "POLL_INTERVAL_SECONDS": f"{poll:g}"}
    return settings(apis.environment, kafka, prefix, **paced)
