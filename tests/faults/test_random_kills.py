"""Processors and producers are killed, stopped, put to sleep; they join and leave: 0 lost, 0 doubled, order kept.

`SEED=7 SECONDS=240 ENTRIES=5000 PROTOCOL=range make test-faults ARGS=tests/faults/test_random_kills.py` repeats a run
(the same events at the same distances; what they hit differs), or makes a longer one.
"""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.remote import fetch_state
from sandbox.verify import tally
from tests.faults.life import Life
from tests.faults.storm import BASE_FAULTS, SALES_FAULTS, Storm, measures
from tests.faults.watch import OffsetsWatch
from tests.harness.judge import CHOICE, left_undone, wrong
from tests.harness.programs import PROTOCOLS, Programs, settings
from tests.harness.seed import SEED
from tests.harness.soak_results import hand_over
from tests.harness.stand_ins import purchases, sandbox, switch
from tests.harness.waiting import LONG, wait_until, wait_until_none

pytestmark = pytest.mark.slow


def test_whatever_is_killed_or_put_to_sleep_nothing_is_lost_doubled_or_out_of_order(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    seed = SEED
    seconds = float(os.environ.get("SECONDS") or 18)
    entries = int(os.environ.get("ENTRIES") or 300)
    protocol = os.environ.get("PROTOCOL") or "cooperative"
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
            wait_until(lambda: purchases(apis), LONG, "the first purchase")
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
                programs.catch_up("producer")  # late entries, at once
                wait_until_none(lambda: wrong(apis), LONG, "all that is due has arrived")
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
                numbers["out_of_order"] = sum(" was written after version " in line for line in wrong(apis))
                hand_over(f"random kills, {protocol}", seed, started, faults=faults, edits=life.edited, **numbers)
                print(json.dumps({**numbers, "faults": faults, "edits": life.edited, "wrong": wrong(apis)[:20]}))
