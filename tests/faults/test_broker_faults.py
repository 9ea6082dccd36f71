"""The broker is stopped, killed, put to sleep, throttled, its disk fills up: the programs recover by themselves.

Nothing is lost, doubled or out of order, and nothing Kafka has acknowledged goes back. No program is restarted.
`BROKER_ROUNDS=10 SEED=7 PROTOCOL=range make test-faults ARGS=tests/faults/test_broker_faults.py` makes more of it.
"""

import contextlib
import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.remote import fetch_state
from sandbox.verify import tally
from tests.faults.broker import Broker, own_broker
from tests.faults.life import Life
from tests.faults.watch import OffsetsWatch
from tests.harness.judge import CHOICE, left_undone, wrong
from tests.harness.programs import PROTOCOLS, Programs, settings
from tests.harness.seed import SEED
from tests.harness.soak_results import hand_over
from tests.harness.stand_ins import purchases, sandbox
from tests.harness.topics import published
from tests.harness.waiting import wait_until, wait_until_none

SESSION_SECONDS = 10.0
LONG_NAP = 13.0  # longer than a session and any transaction (10 s) may last
GOES_ON_WITHIN, ARRIVES_WITHIN = 300.0, 400.0  # upper bounds, for a machine with too much to do
MOST_PROCESSORS = 4
ROUNDS = int(os.environ.get("BROKER_ROUNDS") or 0)
A_SECOND = (
    4.0 if ROUNDS else 2.0
)  # orders, and as many edits: they wait while the broker is away, however slow the machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 + 400 * ROUNDS)]


class Load:
    """A living shop, two producers and processors on a broker that is hurt; all of them are started once."""

    def __init__(self, broker: Broker, apis: dict[str, str], programs: Programs, seed: int) -> None:
        self.broker, self.apis, self.programs = broker, apis, programs
        self.chance = random.Random(seed)
        self.life = Life(apis["BASELINKER_API_URL"], random.Random(seed), A_SECOND, A_SECOND)
        self.watch = OffsetsWatch(broker.bootstrap, programs.environment["TOPIC_PREFIX"])
        self.faults: Counter[str] = Counter()
        self.began = time.monotonic()
        self._members: list[tuple[str, subprocess.Popen[bytes]]] = []

    def begin(self) -> None:
        """Start everything, and wait for the first purchase."""
        for module in ["producer"] * 2 + ["processor"] * 2:
            self.start(module)
        self.watch.start()
        wait_until(lambda: purchases(self.apis), GOES_ON_WITHIN, "the first purchase")
        self.life.start()

    def start(self, module: str) -> None:
        """Start a program, with a port to ask whether it is ready."""
        self._members.append((module, self.programs.serve(module)))

    def rebalance(self) -> None:
        """Let a processor join or, when there are many, one leave; return when partitions change hands."""
        before = self.programs.logged("partitions revoked")
        processors = [member for member in self._members if member[0] == "processor"]
        if len(processors) < MOST_PROCESSORS:
            self.start("processor")
        else:
            self._members.remove(processors[0])
            processors[0][1].terminate()
        wait_until(lambda: self.programs.logged("partitions revoked") > before, GOES_ON_WITHIN, "a rebalance")

    def tell(self, broker_away: bool) -> bool:
        """Whether /readyz of every program says that the broker is away, or that it is there."""
        states = [self.programs.checks(process).get("broker", "") for _, process in self._members]
        return all(state not in {"", "ok"} if broker_away else state == "ok" for state in states)

    def hurt(self, harm: "Harm") -> None:
        """Do harm; then orders made after it must arrive."""
        name, at = harm.__name__.replace("_", " "), time.monotonic()
        harm(self)
        self.faults[name] += 1
        harmed = time.monotonic()
        wait_until(self.goes_on(), GOES_ON_WITHIN, f"going on after {name}")
        self.still_run()
        wait_until(lambda: self.tell(broker_away=False), GOES_ON_WITHIN, f"ready after {name}")
        print(f"{name}: {harmed - at:.1f} s, going on after {time.monotonic() - harmed:.1f} s")

    def goes_on(self) -> Callable[[], bool]:
        """Whether orders made from now on have arrived."""
        newest = max(order["order_id"] for order in fetch_state(self.apis["BASELINKER_API_URL"])["orders"])
        return lambda: self._purchases_after(newest) >= 3

    def still_run(self) -> None:
        """No program has ended."""
        for module, process in self._members:
            assert process.poll() is None, f"a {module} ended: {self.programs.log(process)[-3000:]}"

    def judge(self) -> None:
        """All that is due arrives, and is recorded, by the programs that were there from the beginning."""
        kafka, prefix = self.broker.bootstrap, self.programs.environment["TOPIC_PREFIX"]
        self.life.end()
        ended = time.monotonic()
        wait_until_none(lambda: wrong(self.apis), ARRIVES_WITHIN, "all that is due has arrived")
        print(f"all has arrived after {time.monotonic() - ended:.1f} s")
        wait_until_none(self._left, ARRIVES_WITHIN, "all that is done is recorded")
        self.still_run()
        assert self.watch.is_alive() and self.watch.looks
        self.watch.end()
        for _, process in self._members:
            process.terminate()
        assert [process.wait(60) for _, process in self.programs.started] == [0] * len(self.programs.started)
        assert wrong(self.apis) == []
        assert self._left() == []
        assert self.watch.went_back == []
        assert doubled_entries(kafka, prefix) == []
        assert all(count <= time.monotonic() - self.began for count in self.complaints().values()), self.complaints()

    def tell_all(self) -> None:
        """Print what a failure is understood by: what each program says of itself, and the broker's last words."""
        for module, process in self._members:
            print(module, process.poll(), self.programs.checks(process))
        lines = [line[:300] for line in self.broker.said().splitlines() if line[:2] == "20"]  # without stack traces
        print("\n".join(lines[-20:]))

    def complaints(self) -> dict[str, int]:
        """How many lines of each log are more than information."""
        return {
            name: sum('"level": "info"' not in line for line in self.programs.log(process).splitlines())
            for name, process in self.programs.started
        }

    def numbers(self) -> dict[str, Any]:
        """What this run was made of."""
        base, sales = fetch_state(self.apis["BASELINKER_API_URL"]), fetch_state(self.apis["SALESMANAGO_API_URL"])
        joined = self.programs.logged("giving up all partitions and joining again")
        joined += self.programs.logged("Kafka error; joining the group again")
        logged = {"joined_anew": joined, "complaints": sum(self.complaints().values())}
        return {**tally(base, sales, CHOICE), "edits": self.life.edited, **self.faults, **logged}

    def _left(self) -> list[str]:
        sales = fetch_state(self.apis["SALESMANAGO_API_URL"])
        return left_undone(self.broker.bootstrap, self.programs.environment["TOPIC_PREFIX"], sales)

    def _purchases_after(self, order_id: int) -> int:
        return sum(count for number, count in purchases(self.apis).items() if int(number) > order_id)


Harm = Callable[[Load], None]


@contextmanager
def loaded(broker: Broker, prefix: str, folder: Path, seed: int) -> Iterator[Load]:
    """Run the load, and hand over its numbers."""
    with sandbox("--orders", "60", "--latency", "0.1", "--seed", str(seed), "--versions") as apis:
        environment = settings(apis, broker.bootstrap, prefix)
        environment |= PROTOCOLS[os.environ.get("PROTOCOL") or "cooperative"]
        environment |= {"SETTLE_SECONDS": "3", "CREATE_TIMEOUT_SECONDS": "2", "DELIVERY_THREADS": "4"}
        environment |= {"SESSION_TIMEOUT_MS": str(int(SESSION_SECONDS * 1000))}
        started, verdict = time.monotonic(), "failed"
        with Programs(environment, folder) as programs:
            load = Load(broker, apis, programs, seed)
            try:
                load.begin()
                yield load
                load.judge()
                verdict = "passed"
            finally:
                if verdict == "failed":
                    load.tell_all()
                numbers = load.numbers()
                hand_over("broker faults", seed, started, verdict=verdict, **numbers)
                print(json.dumps({"seed": seed, "verdict": verdict, **numbers, "wrong": wrong(apis)[:20]}))


def doubled_entries(kafka: str, prefix: str) -> list[int]:
    """Log ids that lie more than once in the journal topic."""
    return [log_id for log_id, count in published(kafka, prefix).items() if count > 1]


def stopped(load: Load) -> None:
    """Stopped in order, back when every program has noticed."""
    load.broker.terminate()
    wait_until(lambda: load.tell(broker_away=True), GOES_ON_WITHIN, "every /readyz says that the broker is away")
    load.broker.start()


def killed(load: Load) -> None:
    """Killed, back at once."""
    load.broker.kill()
    load.broker.start()


def killed_in_a_rebalance(load: Load) -> None:
    """Killed while partitions change hands."""
    load.rebalance()
    load.broker.kill()
    load.broker.start()


def slow(load: Load) -> None:
    """Stands still for seconds, again and again."""
    for seconds in (1.0, 2.0, 4.0):
        nap(load, seconds)
        time.sleep(load.chance.uniform(0.2, 1.0))


def asleep(load: Load) -> None:
    """Stands still for longer than sessions and transactions last."""
    nap(load, LONG_NAP)


def nap(load: Load, seconds: float) -> None:
    """Stand still once."""
    load.broker.sleep()
    time.sleep(seconds)
    load.broker.wake()


def throttled(load: Load) -> None:
    """Allowed next to nothing for a while."""
    entity = ["--alter", "--entity-type", "clients", "--entity-default"]
    quotas = {"producer_byte_rate": 2000, "consumer_byte_rate": 5000, "request_percentage": 1}
    added = ",".join(f"{name}={value}" for name, value in quotas.items())
    load.broker.run_tool("kafka.admin.ConfigCommand", *entity, "--add-config", added)
    time.sleep(8.0)
    load.broker.run_tool("kafka.admin.ConfigCommand", *entity, "--delete-config", ",".join(quotas))


def full(load: Load) -> None:
    """Its disk is full: it halts, and comes back when there is room.

    Kafka 4.1.1 sometimes writes a batch of the groups' topic twice then, and can't load it: it is repaired as
    docs/operations.md says (tests/faults/test_group_not_loaded.py).
    """
    ballast = load.broker.data / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # until there is no room left
        while True:
            file.write(bytes(65536))
    load.broker.wait(120)
    assert "No space left" in load.broker.said()
    ballast.unlink()
    load.broker.start()
    goes_on = load.goes_on()
    wait_until(lambda: load.broker.unloaded() or goes_on(), GOES_ON_WITHIN, "going on, or a group that is not loaded")
    if damaged := load.broker.unloaded():
        print(f"the broker could not load partitions {damaged} of its groups: starting it without them")
        load.watch.forget()
        load.broker.start_without(damaged)


def go_through(load: Load, short: list[Harm], more: list[Harm]) -> None:
    """Do two of a short list, or several rounds of the whole one, in any order."""
    for harms in [short + more] * ROUNDS or [load.chance.sample(short, min(2, len(short)))]:
        for harm in load.chance.sample(harms, len(harms)):
            load.hurt(harm)


def test_a_broker_that_is_stopped_killed_or_slow_under_load_loses_and_doubles_nothing(
    prefix: str, tmp_path: Path
) -> None:
    with own_broker() as broker, loaded(broker, prefix, tmp_path, SEED) as load:
        go_through(load, [stopped, killed_in_a_rebalance, asleep], [killed, slow, throttled])


def test_a_broker_whose_disk_is_full_under_load_loses_and_doubles_nothing(prefix: str, tmp_path: Path) -> None:
    with own_broker(disk="64m") as broker, loaded(broker, prefix, tmp_path, SEED) as load:
        go_through(load, [full], [])
