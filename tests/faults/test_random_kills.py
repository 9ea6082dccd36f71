"""Processors and producers are killed, stopped, put to sleep; they join and leave: 0 lost, 0 doubled, order kept.

`SEED=7 SECONDS=240 ENTRIES=5000 PROTOCOL=cooperative make test ARGS=tests/faults/test_random_kills.py` repeats a run
(the same events at the same distances; what they hit differs), or makes a longer one.
"""

import itertools
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox.verify import fetch_state, tally
from tests.faults.life import Life
from tests.faults.watch import OffsetsWatch
from tests.programs import CHOICE, Programs, hand_over, left_undone, sandbox, settings, switch, wait_until, wrong

PROTOCOLS = {
    "range": {},
    "cooperative": {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "cooperative-sticky"},
    "consumer": {"KAFKA_GROUP_PROTOCOL": "consumer"},
}
SALES_FAULTS = [
    {"kind": "hang", "where": "addContactExtEvent", "rate": 0.05, "seconds": 3.5},  # past the time-out, then it works
    {"kind": "reset", "where": "addContactExtEvent", "rate": 0.03, "after": True},
    {"kind": "truncated", "where": "addContactExtEvent", "rate": 0.03, "after": True},
    {"kind": "reset", "where": "", "rate": 0.02},
    {"kind": "html502", "where": "", "rate": 0.02, "after": True},
    {"kind": "slow", "where": "upsert", "rate": 0.05, "seconds": 1.0},
    {"kind": "void", "where": "list", "rate": 0.01, "seconds": 3.0},
]
BASE_FAULTS = [{"kind": kind, "rate": 0.01} for kind in ("html502", "reset", "empty")]
MOST, FEWEST = 5, {"processor": 2, "producer": 1}


class Storm:
    """Draws an event every second or two from a seed and does it to a member."""

    def __init__(self, programs: Programs, chance: random.Random) -> None:
        self._programs, self._chance = programs, chance
        self.members: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.leaving: list[subprocess.Popen[bytes]] = []
        self._asleep: list[tuple[float, subprocess.Popen[bytes]]] = []
        self.events: Counter[str] = Counter()

    def join(self, module: str) -> None:
        """A member more."""
        self.members.append((module, self._programs.start(module)))

    def go_on(self, seconds: float) -> None:
        """Do one event after the other; wake sleepers when their time comes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            next_at = time.monotonic() + self._chance.uniform(1, 2)
            self._one()
            while time.monotonic() < next_at:
                self.wake(time.monotonic())
                time.sleep(0.05)
        self.wake(float("inf"))

    def wake(self, now: float) -> None:
        """Wake those who have slept enough."""
        for at, process in [sleeper for sleeper in self._asleep if sleeper[0] <= now]:
            process.send_signal(signal.SIGCONT)
            self._asleep.remove((at, process))

    def dismiss(self, module: str) -> None:
        """All of these must leave by themselves, those told earlier too."""
        gone = [process for name, process in self.members if name == module]
        for process in gone:
            process.terminate()
        ended = [process.wait(60) for process in (*self.leaving, *gone)]
        self.members = [member for member in self.members if member[0] != module]
        assert set(ended) <= {0, -signal.SIGTERM}, ended  # told to stop before it had learned to listen

    def _one(self) -> None:
        asleep = [process for _, process in self._asleep]
        awake = [member for member in self.members if member[1] not in asleep]
        what = self._chance.choice(["kill", "kill", "stop", "sleep", "sleep", "join", "leave"])
        module, process = self._chance.choice(awake or self.members)
        seconds = self._chance.choice([1.0, 3.0, 5.0, 9.0])
        of_kind = sum(name == module for name, _ in self.members)
        if what == "join" and len(self.members) >= MOST + 2:
            what = "kill"
        if what == "leave" and of_kind <= FEWEST[module]:
            what = "kill"
        if what == "sleep" and not awake:
            return
        self.events[what] += 1
        if what == "join":
            self.join("processor")
            return
        if what == "sleep":
            process.send_signal(signal.SIGSTOP)
            self._asleep.append((time.monotonic() + seconds, process))
            return
        self.members.remove((module, process))
        self._asleep = [sleeper for sleeper in self._asleep if sleeper[1] is not process]
        if what == "kill":
            process.kill()
            process.wait(30)
        else:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            self.leaving.append(process)
        if what != "leave":
            self.join(module)


def measures(sales: dict[str, Any], programs: Programs, started: float, ended: float) -> dict[str, float]:
    """How well it went: work done twice, the longest time without any effect."""
    written = Counter(write["name"] for write in sales["writes"] if write["kind"] == "contact")
    at = [started, *(write["at"] for write in sales["writes"] if started < write["at"] < ended), ended]
    return {
        "writes": len(sales["writes"]),
        "contacts_again": sum(count - 1 for count in written.values()),
        "adopted": programs.logged("adopted"),
        "longest_stall": round(max(later - sooner for sooner, later in itertools.pairwise(at)), 1),
        "rebalances": programs.logged("partitions assigned"),
        "joined_anew": programs.logged("giving up all partitions and joining anew"),
    }


def test_whatever_is_killed_or_put_to_sleep_nothing_is_lost_doubled_or_out_of_order(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or time.time())
    seconds = float(os.environ.get("SECONDS") or 18)
    entries = int(os.environ.get("ENTRIES") or 300)
    protocol = os.environ.get("PROTOCOL") or "range"
    print(f"seed {seed}")
    started, chance = time.monotonic(), random.Random(seed)
    with sandbox("--orders", str(entries // 3), "--latency", "0.1", "--seed", str(seed), "--versions") as apis:
        environment = settings(apis, kafka, prefix) | PROTOCOLS[protocol]
        environment |= {"SETTLE_SECONDS": "3", "CREATE_TIMEOUT_SECONDS": "2"}
        environment |= {"SESSION_TIMEOUT_MS": "7000", "DELIVERY_THREADS": "4"}
        switch(apis["SALESMANAGO_API_URL"], faults=SALES_FAULTS)
        switch(apis["BASELINKER_API_URL"], faults=BASE_FAULTS)
        a_second = entries / 2 / seconds
        life = Life(apis["BASELINKER_API_URL"], random.Random(seed), a_second * 0.5, a_second * 0.4)
        watch = OffsetsWatch(kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            storm = Storm(programs, chance)
            for module in ["producer"] * 2 + ["processor"] * 3:
                storm.join(module)
            watch.start()
            wait_until(lambda: fetch_state(apis["SALESMANAGO_API_URL"])["events"], 60, "the first purchase")
            life.start()
            chaos_at = time.time()
            storm.go_on(seconds)
            chaos_end = time.time()
            life.end()
            switch(apis["SALESMANAGO_API_URL"], faults=[])
            switch(apis["BASELINKER_API_URL"], faults=[])
            numbers: dict[str, Any] = {"verdict": "failed", **storm.events}
            try:
                storm.dismiss("producer")
                assert programs.start("producer", "--until-caught-up").wait(120) == 0  # late entries, at once
                wait_until(lambda: not wrong(apis), 120, "all that is due has arrived")
                numbers["drain"] = round(time.time() - chaos_end)
                storm.dismiss("processor")
                programs.finish()
                watch.end()
                sales = fetch_state(apis["SALESMANAGO_API_URL"])
                assert wrong(apis) == [], f"seed {seed}"
                assert left_undone(kafka, prefix, sales) == [], f"seed {seed}"
                assert watch.went_back == []
                numbers["verdict"] = "passed"
            finally:
                base, sales = fetch_state(apis["BASELINKER_API_URL"]), fetch_state(apis["SALESMANAGO_API_URL"])
                numbers |= tally(base, sales, CHOICE) | measures(sales, programs, chaos_at, chaos_end)
                faults = sum(sales["faults"].values()) + sum(base["faults"].values()) + sum(storm.events.values())
                hand_over(f"random kills, {protocol}", seed, started, faults=faults, edits=life.edited, **numbers)
                print(json.dumps({**numbers, "faults": faults, "edits": life.edited, "wrong": wrong(apis)[:20]}))
