"""BaseLinker's limit in real time: real processors on real Kafka, a stand-in that counts and blocks."""

import time
from pathlib import Path

from bench.limit import HEADS, row
from bench.limit_figures import BUDGET, LIMIT, POLL_INTERVAL, SHARE, Kept
from bench.processes import Programs, new_prefix, settings, standin, wait_for
from bench.report import Section, Table, say
from bench.setting import Setting
from bench.shop import Choice, make
from bench.topics import PARTITIONS, delete_topics, fill_journal, make_topics


def measure(setting: Setting) -> Section:
    """Let one processor and several work on the same backlog, one after the other."""
    sizes = setting.sizes
    rows = []
    for count in sizes.limit_real_processors:
        kept = measure_real(setting.kafka, setting.folder, Choice(sizes.limit_orders), count, sizes.limit_real_minutes)
        rows.append(row("dense ids, 0% Allegro", str(count), kept))
        say(f"real: {kept}")
    told = (
        f"Real processors, real Kafka, {sizes.limit_real_minutes:g} minutes each; the stand-in counts the requests, and"
        f" blocks the token above {LIMIT} a minute. The budget is {BUDGET}, the processors' share {SHARE:.0f}."
    )
    return Section("real", "The limit in real time", [told, Table(HEADS, rows)], {})


def measure_real(kafka: str, folder: Path, choice: Choice, processors: int, minutes: float) -> Kept:
    """Let real processors work on a backlog for so long, or until it is empty."""
    prefix = new_prefix()
    topics = make_topics(kafka, prefix)
    flags = ["--orders", choice.orders, "--allegro", choice.allegro, "--scattered", choice.scattered]
    flags += ["--limit", LIMIT, "--latency", 0.1] + (["--sparse"] if choice.sparse else [])
    with standin(*flags) as apis, Programs(folder) as programs:
        budget = {"BASELINKER_REQUESTS_PER_MINUTE": str(BUDGET), "POLL_INTERVAL_SECONDS": str(POLL_INTERVAL)}
        environment = settings(apis.environment, kafka, prefix, **budget)
        running = [programs.start("processor", environment) for _ in range(processors)]
        wait_for(lambda: sum(program.said("partition ready") for program in running) >= PARTITIONS, 120, "members")
        fill_journal(kafka, topics, make(choice, int(time.time())).logs)
        before = sum(apis.state()["baselinker"].values())
        began = time.time()
        while time.time() < began + minutes * 60 and apis.purchases() < choice.orders:
            programs.must_run()
            time.sleep(0.2)
        seconds, state = time.time() - began, apis.state(whole=True)
    delete_topics(kafka, prefix)
    requests = sum(state["baselinker"].values()) - before
    orders = state["purchases"]
    per_1000 = requests / max(1, orders) * 1000
    return Kept(processors, orders, requests, seconds, state["most_a_minute"], state["blocks"], per_1000)
