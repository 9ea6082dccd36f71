"""BaseLinker's limit in real time: real processors on real Kafka, a stand-in that counts and blocks."""

import time
from pathlib import Path

from bench.limit import HEADS, row
from bench.limit_figures import BUDGET, LIMIT, POLL_INTERVAL, SHARE, Kept
from bench.processes import Programs, settings, standin
from bench.report import Section, Table, say
from bench.setting import Setting
from bench.shop import Choice, make
from bench.topics import PARTITIONS, fill_journal, own_topics


def measure(setting: Setting) -> Section:
    """Let one processor and several work on the same backlog, one after the other."""
    sizes = setting.sizes
    rows = []
    for count in sizes.limit_real_processors:
        kept = measure_real(setting.kafka, setting.folder, sizes.limit_orders, count, sizes.limit_real_minutes)
        rows.append(row("dense ids, 0% Allegro", str(count), kept))
        say(f"real: {kept}")
    told = (
        f"Real processors, real Kafka, {sizes.limit_real_minutes:g} minutes each; the stand-in counts the requests, and"
        f" blocks the token above {LIMIT} a minute. The budget is {BUDGET}, the processors' share {SHARE:.0f}."
    )
    return Section("real", "The limit in real time", [told, Table(HEADS, rows)], {})


def measure_real(kafka: str, folder: Path, orders: int, processors: int, minutes: float) -> Kept:
    """Let real processors work on a backlog for so long, or until it is empty."""
    flags = ("--orders", orders, "--limit", LIMIT, "--latency", 0.1)
    with own_topics(kafka) as topics, standin(*flags) as apis, Programs(folder) as programs:
        budget = {"BASELINKER_REQUESTS_PER_MINUTE": str(BUDGET), "POLL_INTERVAL_SECONDS": str(POLL_INTERVAL)}
        environment = settings(apis.environment, kafka, topics.prefix, **budget)
        for _ in range(processors):
            programs.start("processor", environment)
        programs.wait_until_ready(PARTITIONS)
        fill_journal(kafka, topics, make(Choice(orders), int(time.time())).logs)
        before = sum(apis.state()["baselinker"].values())
        began = time.time()
        while time.time() < began + minutes * 60 and apis.purchases() < orders:
            programs.must_run()
            time.sleep(0.2)
        seconds, state = time.time() - began, apis.state(whole=True)
    requests = sum(state["baselinker"].values()) - before
    done = state["purchases"]
    per_1000 = requests / max(1, done) * 1000
    return Kept(processors, done, requests, seconds, state["most_a_minute"], state["blocks"], per_1000)
