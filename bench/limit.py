"""The real limit: 100 requests a minute and a block above, a budget of 80; some minutes, real or simulated."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Programs, new_prefix, settings, standin, wait_for
from bench.shop import Choice, make
from bench.topics import PARTITIONS, delete_topics, fill_journal, make_topics
from clients.pacing import processor_share

LIMIT, BUDGET, POLL_INTERVAL = 100, 80, 10.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What some minutes of the limit brought; `most_a_minute` = requests in the fullest 60 s."""

    processors: int
    orders: int
    requests: int
    seconds: float
    most_a_minute: int
    blocks: int

    @property
    def orders_a_minute(self) -> float:
        """Orders delivered a minute."""
        return self.orders / self.seconds * 60

    @property
    def share_used(self) -> float:
        """Part of the processors' share that was used, 0 to 1."""
        return self.requests / (processor_share(BUDGET, POLL_INTERVAL, 1, 1) * self.seconds / 60)

    @property
    def requests_per_1000(self) -> float:
        """BaseLinker requests per 1,000 orders."""
        return self.requests / max(1, self.orders) * 1000


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
    return Kept(processors, state["purchases"], requests, seconds, state["most_a_minute"], state["blocks"])
