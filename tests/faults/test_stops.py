"""Members are stopped (SIGSTOP) at random instants until others have taken their place, then wake up: no change.

`STOPS=200 SEED=7 STOPS_AT_ONCE=6 PROTOCOL=range make test-faults ARGS=tests/faults/test_stops.py` is a longer run, in
six shops side by side. The short one stops 6 members in two shops: processors and producers, as many as all but
one of a group at once.
"""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox.remote import fetch_state
from sandbox.verify import tally
from tests.faults.life import Life
from tests.faults.sleepers import Sleepers
from tests.faults.watch import OffsetsWatch
from tests.harness.judge import CHOICE, left_undone, wrong
from tests.harness.programs import PROTOCOLS, Programs, settings
from tests.harness.seed import SEED
from tests.harness.soak_results import hand_over
from tests.harness.stand_ins import purchases, sandbox, switch
from tests.harness.waiting import wait_until, wait_until_none

pytestmark = pytest.mark.slow


PROCESSORS, PRODUCERS = int(os.environ.get("STOPS_PROCESSORS") or 3), 2
OF_PROCESSORS = 0.6  # of all stops
SESSION, CREATE, SETTLE = 7.0, 2.0, 3.0  # seconds
UNTIL_DONE = SESSION / 2 + CREATE + SETTLE + 4.0  # after a take-over its purchases have been looked for and created
FAULTS = [
    {"kind": "slow", "where": "addContactExtEvent", "rate": 0.05, "seconds": 1.0},
    {"kind": "slow", "where": "addContactExtEvent", "rate": 0.05, "seconds": 1.0, "after": True},
]
RUSH = 80  # orders just before a stop: it must come while many creates are about to be written, or under way
GAVE_UP = ("giving up all partitions and joining again", "gave up the lead")


@pytest.mark.timeout(1500)
def test_a_member_stopped_at_any_instant_changes_nothing_once_others_have_its_place(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    seed = SEED
    stops = int(os.environ.get("STOPS") or 6)
    protocol = os.environ.get("PROTOCOL") or "cooperative"
    side_by_side = int(os.environ.get("STOPS_AT_ONCE") or 2)
    print(f"seed {seed}")
    started = time.monotonic()
    with ThreadPoolExecutor(side_by_side) as pool:
        shops = []
        for number in range(side_by_side):
            folder = tmp_path / str(number)
            folder.mkdir()
            share = stops // side_by_side + (number < stops % side_by_side)
            shops.append(pool.submit(one_shop, kafka, f"{prefix}-{number}", folder, seed + number, share, protocol))
    numbers = [shop.result() for shop in shops]
    total: dict[str, Any] = {
        name: sum(one[name] for one in numbers) for name, found in numbers[0].items() if isinstance(found, int)
    }
    problems = [f"seed {seed + number}: {line}" for number, one in enumerate(numbers) for line in one["problems"]]
    verdict = "failed" if problems else "passed"
    out_of_order = sum(" was written after version " in line for line in problems)
    hand_over(f"stops, {protocol}", seed, started, verdict=verdict, out_of_order=out_of_order, **total)
    print(json.dumps({**total, "verdict": verdict}))
    assert not problems, "\n".join(problems)
    assert total["faults"] >= stops
    assert total["replaced"] > 0, "nobody's place was taken: this tried nothing"


def one_shop(kafka: str, prefix: str, folder: Path, seed: int, stops: int, protocol: str) -> dict[str, Any]:
    """Stop so many members of one deployment under load; return what was done, and all that is wrong."""
    chance = random.Random(seed)
    with sandbox("--orders", "60", "--latency", "0.05", "--seed", str(seed), "--versions") as apis:
        environment = settings(apis, kafka, prefix) | PROTOCOLS[protocol]
        environment |= {"SETTLE_SECONDS": str(SETTLE), "CREATE_TIMEOUT_SECONDS": str(CREATE)}
        environment |= {"SESSION_TIMEOUT_MS": str(round(SESSION * 1000)), "DELIVERY_THREADS": "12"}
        switch(apis["SALESMANAGO_API_URL"], faults=FAULTS)
        life = Life(apis["BASELINKER_API_URL"], random.Random(seed), 1.0, 1.0)
        watch = OffsetsWatch(kafka, prefix)
        with Programs(environment, folder) as programs, ThreadPoolExecutor(2) as pool:
            groups = []
            rush = partial(life.rush, RUSH)
            for module, count, parts, on in (("processor", PROCESSORS, 6, UNTIL_DONE), ("producer", PRODUCERS, 1, 0.0)):
                names = [f"{module}-{number}" for number in range(count)]
                members = {name: programs.start(module, KAFKA_CLIENT_ID=name) for name in names}
                groups.append(
                    Sleepers(kafka, f"{prefix}-{module}", members, random.Random(chance.random()), parts, on, rush)
                )
            watch.start()
            wait_until(lambda: purchases(apis), 200, "the first purchase")
            life.start()
            of_processors = round(stops * OF_PROCESSORS)
            for going in [
                pool.submit(group.go_on, count)
                for group, count in zip(groups, (of_processors, stops - of_processors), strict=True)
            ]:
                going.result()
            life.end()
            problems = [line for group in groups for line in group.stuck]
            try:
                problems += _ended(apis, programs, groups)
                watch.end()
                problems += [*watch.went_back, *wrong(apis)]
                problems += left_undone(kafka, prefix, fetch_state(apis["SALESMANAGO_API_URL"]))
            except Exception as error:
                problems += [f"{type(error).__name__}: {error}", *wrong(apis)[:20]]
            base, sales = fetch_state(apis["BASELINKER_API_URL"]), fetch_state(apis["SALESMANAGO_API_URL"])
            problems += _doubles(sales)
            return {
                "problems": problems,
                "faults": sum(group.stops for group in groups),
                "owners": sum(group.owners for group in groups),
                "replaced": sum(group.replaced for group in groups),
                "gave_up": sum(programs.logged(event) for event in GAVE_UP),
                "adopted": programs.logged("adopted"),
                "writes": len(sales["writes"]),
                "edits": life.edited,
                **tally(base, sales, CHOICE),
            }


def _doubles(sales: dict[str, Any]) -> list[str]:
    """When each purchase of a doubled order took effect: to be compared with the logs' times of sleep and take-over."""
    created: dict[str, list[str]] = {}
    for write in sales["writes"]:
        if write["kind"] == "event":
            at = datetime.fromtimestamp(write["at"], UTC).isoformat()
            created.setdefault(str(write["external_id"]), []).append(at)
    return [f"order {order}: its purchases took effect at {at}" for order, at in created.items() if len(at) > 1]


def _ended(apis: dict[str, str], programs: Programs, groups: list[Sleepers]) -> list[str]:
    """Let everyone end; those who slept must have become members again."""
    members = {name: process for group in groups for name, process in group.members.items()}
    problems = [f"{name} is not there any more: {code}" for name, one in members.items() if (code := one.poll())]
    for name, process in members.items():
        if name.startswith("producer"):
            process.terminate()
            problems += [f"{name} ended with {code}"] if (code := process.wait(60)) else []
    programs.catch_up("producer", 300)  # late entries, at once
    wait_until_none(lambda: wrong(apis), 300, "all that is due has arrived")
    for name, process in members.items():
        if name.startswith("processor"):
            process.terminate()
            problems += [f"{name} ended with {code}"] if (code := process.wait(60)) else []
    programs.finish(300)
    return problems
