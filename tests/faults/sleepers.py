"""Members of one group are stopped (SIGSTOP) until others own what was theirs, and then woken up (SIGCONT).

Every second wave, the first among them, sleeps on for `long_seconds`: until its heirs have also done what it had begun.
The others wake up while the heirs still wait, or look.
"""

import itertools
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException

from tests.harness.topics import group_members
from tests.harness.waiting import wait_until

SPREAD_SECONDS = 2.0  # within which the members of one wave are stopped, and later woken up
RUSH_SECONDS = 1.0  # until the first order of a rush has come through the journal
WHOLE = 0.8  # of the waves come when the group is at rest, the first among them; the others at any time
WHOLE_UP_TO_SECONDS = 30.0
UP_TO_SECONDS = 120.0  # an upper bound for a take-over: session time-out and rebalance, on a busy machine


@dataclass(slots=True)
class Sleepers:
    """`members` by their client ids. Never are all of them stopped at once. `rush` is called before each wave.

    `partitions`: how many the group has to give out.

    `stops` counts the members stopped, `owners` those that owned partitions at that instant, `replaced` those whose
    partitions all belonged to others when they woke up; `stuck` says where nobody took over.
    """

    kafka: str
    group: str
    members: dict[str, subprocess.Popen[bytes]]
    chance: random.Random
    partitions: int
    long_seconds: float
    rush: Callable[[], None]
    stops: int = 0
    owners: int = 0
    replaced: int = 0
    stuck: list[str] = field(default_factory=list)
    _asleep: dict[str, set[tuple[str, int]]] = field(default_factory=dict)

    def go_on(self, stops: int) -> None:
        """Stop so many members, wave after wave, each at an instant of its own."""
        try:
            for wave in itertools.count():
                if self.stops >= stops:
                    return
                most = len(self.members) - 1
                count = min(self.chance.choice([most, most, max(1, most - 1)]), stops - self.stops)
                drawn = self.chance.random() < WHOLE
                if wave == 0:  # so that owners of partitions are stopped, and replaced, at least once
                    wait_until(self._whole, UP_TO_SECONDS, f"{self.group} is whole")
                elif drawn:
                    self._wait_until_whole()
                self._wave(self.chance.sample(sorted(self.members), count), 0 if wave % 2 else self.long_seconds)
                time.sleep(self.chance.uniform(0, 2.0))
        finally:
            self.wake_all()

    def wake_all(self) -> None:
        """Let nobody sleep on."""
        for name in list(self._asleep):
            self._wake(name)

    def owned(self) -> dict[str, set[tuple[str, int]]]:
        """What each member owns, as the broker knows it; members that it does not know are left out."""
        return {
            member.client_id: {(part.topic, part.partition) for part in member.assignment.topic_partitions}
            for member in group_members(self.kafka, self.group)
            if member.assignment is not None
        }

    def _wave(self, names: list[str], sleep_on: float) -> None:
        self.rush()
        time.sleep(RUSH_SECONDS)
        before = self._known()
        for seconds, name in self._instants(names):
            time.sleep(seconds)
            self.members[name].send_signal(signal.SIGSTOP)
            self._asleep[name] = before.get(name, set())
            self.stops += 1
            self.owners += bool(self._asleep[name])
        self._wait_until_replaced()
        time.sleep(sleep_on)
        for seconds, name in self._instants(names):
            time.sleep(seconds)
            self._wake(name)

    def _instants(self, names: list[str]) -> list[tuple[float, str]]:
        """Each with the seconds to wait after the one before."""
        at = sorted(self.chance.uniform(0, SPREAD_SECONDS) for _ in names)
        return [(here - before, name) for before, here, name in zip([0.0, *at], at, names, strict=False)]

    def _known(self) -> dict[str, set[tuple[str, int]]]:
        try:
            return self.owned()
        except (KafkaException, TimeoutError):
            return {}

    def _wait_until_whole(self) -> None:
        until = time.monotonic() + WHOLE_UP_TO_SECONDS
        while time.monotonic() < until and not self._whole():
            time.sleep(0.3)

    def _whole(self) -> bool:
        """Whether all are members, and every partition is given out."""
        owned = self._known()
        owners = sum(bool(parts) for parts in owned.values())
        given = sum(len(parts) for parts in owned.values())
        return given == self.partitions and owners == min(given, len(self.members))

    def _wait_until_replaced(self) -> None:
        until = time.monotonic() + UP_TO_SECONDS
        while time.monotonic() < until:
            owned = self._known()
            others = {part for name, parts in owned.items() if name not in self._asleep for part in parts}
            gone = [name for name, parts in self._asleep.items() if parts <= others and not owned.get(name)]
            if len(gone) == len(self._asleep) and others:
                self.replaced += sum(bool(parts) for parts in self._asleep.values())
                return
            time.sleep(0.3)
        self.stuck.append(f"{self.group}: nobody took over from {sorted(self._asleep)} in {UP_TO_SECONDS:.0f} s")

    def _wake(self, name: str) -> None:
        self.members[name].send_signal(signal.SIGCONT)
        del self._asleep[name]
