"""What a group's members go through: kills, stops, sleeps, joins and leaves drawn from a seed; both APIs' faults."""

import itertools
import random
import signal
import subprocess
import time
from collections import Counter
from typing import Any

from tests.harness.programs import Programs

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
        """All of these must leave by themselves, and those that were asked to earlier."""
        gone = [process for name, process in self.members if name == module]
        for process in gone:
            process.terminate()
        ended = [process.wait(60) for process in (*self.leaving, *gone)]
        self.members = [member for member in self.members if member[0] != module]
        assert set(ended) <= {0, -signal.SIGTERM}, ended  # asked to stop before it could listen

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
        "joined_anew": programs.logged("giving up all partitions and joining again"),
    }
