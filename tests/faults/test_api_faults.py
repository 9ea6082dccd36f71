"""Every way an API can fail, seldom and half of the time: no order lost, none doubled, none given up.

`API_FAULTS=all make test-faults ARGS=tests/faults/test_api_faults.py` plays every kind, before and after the effect,
at 5 % and at 50 %; `API_FAULTS=12` plays so many of these; the default is a sample. `SEED=7` plays other faults.
"""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import KINDS
from sandbox.remote import fetch_state
from tests.faults.api_trouble import Trouble, email_of, trouble
from tests.harness.judge import wrong
from tests.harness.seed import SEED
from tests.harness.soak_results import hand_over
from tests.harness.stand_ins import switch
from tests.harness.topics import ledger_rows
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ASKED = os.environ.get("API_FAULTS", "")
ALL = ASKED == "all"
EVERY = [(kind, after) for kind in KINDS for after in (False, True)]
SAMPLE = [
    ("html200", True, 0.5),
    ("reset", True, 0.5),
    ("hang", False, 0.5),
    ("oops", False, 0.5),
]
MATRIX = [(kind, after, rate) for kind, after in EVERY for rate in (0.05, 0.5)]
DRAWN = int(ASKED) if ASKED.isdigit() else 0  # so many cells, drawn by SEED
CELLS = MATRIX if ALL else random.Random(SEED).sample(MATRIX, min(DRAWN, len(MATRIX))) if DRAWN else SAMPLE
MIXED = [0.05, 0.5, 0.75] if ALL else [0.05, 0.5]


def fault(kind: str, after: bool, rate: float, **more: Any) -> dict[str, Any]:
    """One that lasts longer than the client waits for a create, and asks for a short wait."""
    return {"kind": kind, "after": after, "rate": rate, "seconds": 1.5, "retry_after": 1, **more}


def mixture(rate: float, without: str = "") -> list[dict[str, Any]]:
    """Every kind, so often that one request in so many meets one."""
    kinds = [(kind, after) for kind, after in EVERY if kind != without]
    each = 1 - (1 - rate) ** (1 / len(kinds))
    return [fault(kind, after, each, date=after) for kind, after in kinds]


@pytest.mark.parametrize("rate", MIXED)
def test_whatever_fails_at_both_apis_every_order_arrives_once_and_none_is_given_up(
    kafka: str, prefix: str, tmp_path: Path, rate: float
) -> None:
    started, seldom = time.monotonic(), rate < 0.1
    with trouble(kafka, prefix, tmp_path, "--orders", "160" if seldom else "30", "--seed", str(SEED)) as world:
        once = fault("500", False, 1.0, where="upsert", count=1)  # however seldom the others are
        world.play(world.sales, once, *mixture(rate))
        world.play(world.base, *mixture(rate, without="" if seldom or ALL else "429plain"))  # that is a minute's wait
        for module in ("producer", "processor", "processor"):
            world.programs.serve(module)
        if seldom:
            world.arrived()
            assert world.played(world.sales) > 0
        else:
            wait_until(lambda: enough(world, started), LONG, "enough went wrong")
        played = world.played(world.sales) + world.played(world.base)
        world.play(world.sales)
        world.play(world.base)
        world.arrived()
        judge(world, started, f"API faults, all kinds at {rate:.0%}", played, world.undone())


def enough(world: Trouble, started: float) -> bool:
    """Many faults, or some in two minutes (the programs' pauses grow), or all has arrived in spite of them."""
    played = world.played(world.sales)
    return played >= 60 or (played >= 20 and time.monotonic() - started > 120) or not wrong(world.apis)


@pytest.mark.parametrize(("kind", "after", "rate"), CELLS)
def test_one_kind_of_fault_costs_no_order_doubles_none_and_makes_no_dead_letter(
    kafka: str, prefix: str, tmp_path: Path, kind: str, after: bool, rate: float
) -> None:
    started = time.monotonic()
    with trouble(kafka, prefix, tmp_path, "--orders", "60" if rate < 0.1 else "8", "--seed", str(SEED)) as world:
        once = fault(kind, after, 1.0, where="upsert", count=1)  # however seldom the others are
        world.play(world.sales, once, fault(kind, after, rate, count=9))
        world.play(world.base, fault(kind, after, rate, count=1 if kind == "429plain" else 8))
        world.programs.finish(LONG)
        name = f"API fault {kind} {'after' if after else 'before'} the effect, {rate:.0%}"
        played = world.played(world.sales) + world.played(world.base)
        assert played
        judge(world, started, name, played, world.wrong())


def judge(world: Trouble, started: float, name: str, played: int, found: list[str]) -> None:
    """Everything arrived, once, and nobody was given up: a dead letter counts as something wrong."""
    orders = len(fetch_state(world.base)["orders"])
    verdict = "failed" if found else "passed"
    hand_over(name, SEED, started, verdict=verdict, faults=played, orders=orders, wrong=found[:10])
    print(f"seed {SEED}: {played} faults, {orders} orders, {time.monotonic() - started:.0f} s")
    assert found == [], f"seed {SEED}"


def test_an_order_that_baselinker_refuses_again_and_again_is_one_dead_letter_and_a_refusal_that_passes_is_none(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "20", MAX_ATTEMPTS="6") as world:
        # 20, 10, 5, 2, 1: so many refusals until an order is refused alone; three more are no reason to give it up
        world.play(world.base, {"kind": "oops", "where": "getOrders", "count": 7})
        world.programs.finish(LONG)
        assert world.wrong() == []
        refused = lone_buyers(world)[0]["order_id"]
        switch(world.base, refuse_orders=[refused])
        world.edit(refused, 16)
        world.programs.finish(LONG)
        assert {(reason, "ERROR_UNEXPECTED" in text) for _, reason, text in world.letters()} == {
            ("order_refused", True)
        }
        assert len(world.letters()) == 1
        assert wrong(world.apis) == []


def test_one_rejected_contact_among_many_is_one_dead_letter_and_the_orders_next_entry_is_delivered(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "30") as world:
        one = lone_buyers(world)[0]
        switch(world.sales, reject_email=one["email"])
        world.programs.serve("producer")
        processor = world.programs.serve("processor")
        wait_until(world.letters, LONG, "the dead letter")
        wait_until(lambda: others_arrived(world, one["order_id"]), LONG, "all others arrived")
        assert {reason for _, reason, _ in world.letters()} == {"rejected"}
        assert all(text for _, _, text in world.letters())
        assert one["email"] not in world.programs.log(processor)
        world.edit(one["order_id"], 16, email="corrected@example.com")
        world.arrived()
        assert {line.split(":")[0] for line in world.undone()} == {"dead letter"}


def lone_buyers(world: Trouble) -> list[dict[str, Any]]:
    """Confirmed orders of buyers who bought nothing else."""
    orders = fetch_state(world.base)["orders"]
    found = [one for one in orders if one["order_source"] in {"amazon", "personal"} and one["confirmed"]]
    assert len(found) > 1
    return found


def others_arrived(world: Trouble, order_id: int) -> bool:
    """Nothing is wrong but with this order and its contact."""
    return all(str(order_id) in line or "contact is missing" in line for line in wrong(world.apis))


def test_a_heavy_contact_and_events_that_are_listed_late_double_nothing_when_replies_are_lost(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    lost = [("reset", True), ("cut", True), ("hang", False)]  # the create takes effect, and its reply is lost
    with trouble(kafka, prefix, tmp_path, "--orders", "20", SETTLE_SECONDS="3") as world:
        placed = world.place(2 * len(lost))
        for order_id in placed[::2]:
            world.make_heavy(email_of(order_id), 5000)
        switch(world.sales, list_late_seconds=2.0)
        kinds = [one for one in lost for _ in range(2)]  # each kind at a heavy contact, and at a usual one
        faults = [
            fault(kind, after, 1.0, where="addContactExtEvent", of=str(order_id), count=1)
            for order_id, (kind, after) in zip(placed, kinds, strict=True)
        ]
        world.play(world.sales, *faults)
        world.programs.serve("producer")
        world.programs.serve("processor")
        world.arrived()
        assert world.played(world.sales) == len(placed)
        assert world.undone() == []
        rows = ledger_rows(kafka, prefix)
        assert {rows[order_id].reason for order_id in placed} == {"adopted"}
