"""Three processors and a producer are killed, told to stop and put to sleep at random: 0 lost, 0 doubled.

`SEED=7 SECONDS=45 make test ARGS=tests/faults` repeats a run, or makes a longer one.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from sandbox.verify import fetch_state
from tests.e2e.test_faults import switch
from tests.e2e.test_whole_way import run, sandbox, settings, wrong

FAULTS = [
    {"kind": "hang", "where": "addContactExtEvent", "rate": 0.05, "seconds": 3.0},  # past the time-out, then it works
    {"kind": "reset", "where": "addContactExtEvent", "rate": 0.05, "after": True},
    {"kind": "slow", "where": "upsert", "rate": 0.05, "seconds": 1.0},
]


def test_whatever_is_killed_or_put_to_sleep_nothing_is_lost_or_doubled(kafka: str, prefix: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or time.time())
    seconds = float(os.environ.get("SECONDS") or 15)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with sandbox("--orders", "100", "--latency", "0.1", "--seed", str(seed)) as apis:
        environment = settings(apis, kafka, prefix)
        environment |= {"SETTLE_SECONDS": "3", "CREATE_TIMEOUT_SECONDS": "2"}
        environment |= {"SESSION_TIMEOUT_MS": "7000", "DELIVERY_THREADS": "4"}
        switch(apis["SALESMANAGO_API_URL"], faults=FAULTS)
        count = 0

        def start(module: str) -> tuple[str, subprocess.Popen[bytes]]:
            nonlocal count
            count += 1
            return module, run(module, environment, tmp_path / f"{module}{count}.log")

        members = [start("producer"), *(start("processor") for _ in range(3))]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(chance.uniform(0.5, 3))
            index = chance.randrange(len(members))
            module, process = members[index]
            how = chance.choice(["kill", "stop", "sleep"])
            if how == "sleep":
                process.send_signal(signal.SIGSTOP)
                time.sleep(chance.choice([1, 5, 9]))
                process.send_signal(signal.SIGCONT)
                continue
            process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
            process.wait(60)
            members[index] = start(module)
        for _, process in members:
            process.terminate()
        for _, process in members:
            process.wait(60)
        switch(apis["SALESMANAGO_API_URL"], faults=[])
        assert run("producer", environment, tmp_path / "last-producer.log", "--until-caught-up").wait(90) == 0
        assert run("processor", environment, tmp_path / "last.log", "--until-caught-up").wait(90) == 0
        assert wrong(apis) == [], f"seed {seed}"
        assert fetch_state(apis["SALESMANAGO_API_URL"])["events"]
