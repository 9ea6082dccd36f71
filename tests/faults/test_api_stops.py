"""What makes the programs wait or stop, and what lets them continue: they keep their membership and count no attempt.

By default a program that probes every 3 s (hurried.py) stands for one that probes once a minute; with
`API_FAULTS=all` the wrong keys are played to the real one too.
"""

import os
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from sandbox.remote import fetch_state
from schemas.partitioner import partition_of
from schemas.topics import order_key
from tests.faults.api_trouble import Trouble, email_of, trouble
from tests.faults.hurried import PROBE_SECONDS
from tests.harness.judge import wrong
from tests.harness.stand_ins import an_order, ask_sandbox, purchases, switch
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ALL = os.environ.get("API_FAULTS") == "all"
HURRIED = "tests.faults.hurried"
THREADS = 4  # of delivery: so many requests may be under way when the first is asked to wait
BLOCKED_SECONDS = 20  # the producer asks every second
WAIT_SECONDS = 3
WAITS = [("429", False), ("503wait", True), *([("429", True), ("503wait", False)] if ALL else [])]


def settled(world: Trouble, *processors: subprocess.Popen[bytes]) -> frozenset[str]:
    """Wait until all that is due has arrived and all processors are members whose token was accepted; their names."""
    world.arrived()
    wait_until(lambda: all("partition ready" in world.programs.log(one) for one in processors), LONG, "all have work")
    wait_until(lambda: greetings(world) >= len(processors), LONG, "BaseLinker knows all processors")
    wait_until(lambda: len(world.members()) == len(processors), LONG, "all processors are members")
    return world.members()


def greetings(world: Trouble) -> int:
    """How often BaseLinker was asked what a processor asks first."""
    return sum(one["what"] == "getOrderSources" for one in world.asked(world.base))


def test_a_token_blocked_in_mid_run_is_not_used_before_its_end_and_all_continue_by_themselves(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "15") as world:
        programs = [world.programs.serve(module) for module in ("producer", "processor", "processor")]
        members = settled(world, *programs[1:])
        world.place_unread(10)
        end = int(time.time()) + BLOCKED_SECONDS
        switch(world.base, blocked_until=float(end), faults=[])
        began = time.time()
        world.arrived()
        assert 0 < fetch_state(world.base)["asked_while_blocked"] <= len(programs)  # each may find it out, once
        assert len(world.asked(world.base, began, end)) <= len(programs)
        assert world.asked(world.base, end)
        assert world.members() == members
        assert set(world.attempts()) == {0}
        assert world.undone() == []


def test_salesmanago_is_asked_nothing_before_the_time_it_names_in_seconds_or_as_a_date(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "10", DELIVERY_THREADS=str(THREADS)) as world:
        world.programs.serve("producer")
        members = settled(world, world.programs.serve("processor"))
        for kind, date in WAITS:
            fault = {"kind": kind, "where": "upsert", "date": date, "retry_after": WAIT_SECONDS, "count": 1}
            world.play(world.sales, fault)
            world.place(20)
            world.arrived()
            refused_at = [one["at"] for one in world.asked(world.sales) if one["played"] == kind][-1]
            early = world.asked(world.sales, refused_at, refused_at + WAIT_SECONDS - 0.5)
            assert len(early) < 2 * THREADS, (kind, date, early)
            assert world.asked(world.sales, refused_at + WAIT_SECONDS), (kind, date)
        world.play(world.sales, {"kind": "429plain", "rate": 0.3, "count": 10})
        world.place(20)
        world.arrived()
        assert world.members() == members
        assert set(world.attempts()) == {0}
        assert world.undone() == []


@pytest.mark.parametrize("module", [HURRIED, "program"] if ALL else [HURRIED])
@pytest.mark.parametrize("api", ["BaseLinker", "SALESmanago"])
def test_a_key_refused_in_mid_run_pauses_all_who_meet_it_until_a_probe_finds_it_accepted_again(
    kafka: str, prefix: str, tmp_path: Path, api: str, module: str
) -> None:
    own, setting, wrong_key, right_key = {
        "BaseLinker": ("BASELINKER_API_URL", "BASELINKER_TOKEN", {"token_ok": False}, {"token_ok": True}),
        "SALESmanago": ("SALESMANAGO_API_URL", "SALESMANAGO_API_SECRET", {"auth_ok": False}, {"auth_ok": True}),
    }[api]
    with trouble(kafka, prefix, tmp_path, "--orders", "10") as world:
        url, probe = world.apis[own], PROBE_SECONDS if module == HURRIED else 60.0

        def start(program: str) -> subprocess.Popen[bytes]:
            return world.programs.serve(HURRIED, program) if module == HURRIED else world.programs.serve(program)

        producer, *processors = (start(program) for program in ("producer", "processor", "processor"))
        members = settled(world, *processors)
        if api == "BaseLinker":
            world.place_unread(20)
            switch(url, **wrong_key, faults=[])
        else:
            switch(url, **wrong_key)
            world.place(20)
        pausing = [producer, *processors] if api == "BaseLinker" else processors
        wait_until(lambda: all(setting in refused(world, one) for one in pausing), LONG, "/readyz says what is wrong")
        began = time.time()
        wait_until(lambda: len(world.asked(url, began)) >= 2 * len(pausing), LONG, "everybody has probed twice")
        at = [one["at"] for one in world.asked(url, began)]
        assert len(at) <= len(pausing) * ((at[-1] - began) / probe + 2), at
        assert all(world.programs.page(one, "/livez")[0] == 200 for one in (producer, *processors))
        assert world.members() == members
        assert world.letters() == []
        switch(url, **right_key)
        world.arrived()
        wait_until(lambda: all(world.programs.ready(one) for one in pausing), LONG, "all are ready again")
        assert world.members() == members
        assert world.undone() == []


def refused(world: Trouble, process: subprocess.Popen[bytes]) -> str:
    """What /readyz says while it is 503."""
    status, text = world.programs.page(process)
    return text if status == 503 else ""


def test_a_start_with_a_key_that_is_refused_ends_with_1_and_names_the_setting(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "10") as world:
        programs = [world.programs.serve("producer"), world.programs.serve("processor")]
        settled(world, programs[1])
        for process in programs:
            process.terminate()
            assert process.wait(60) == 0
        switch(world.sales, auth_ok=False)
        ends_with_1(world, world.programs.serve("processor"), "SALESMANAGO_API_SECRET")
        switch(world.sales, auth_ok=True)
        switch(world.base, token_ok=False)
        for process in [world.programs.serve("processor"), world.programs.serve("producer")]:
            ends_with_1(world, process, "BASELINKER_TOKEN")
        assert world.undone() == []


def ends_with_1(world: Trouble, process: subprocess.Popen[bytes], setting: str) -> None:
    """It ends by itself and names the setting."""
    assert process.wait(LONG) == 1, world.programs.log(process)
    assert setting in world.programs.log(process)


def test_a_restart_loop_in_a_storm_of_refusals_drains_nothing_more_and_an_api_that_recovered_gets_the_rest(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    quick = {"MAX_CONSECUTIVE_DEAD_LETTERS": "5", "SESSION_TIMEOUT_MS": "6000"}
    with trouble(kafka, prefix, tmp_path, "--orders", "8", **quick) as world:
        world.programs.serve("producer")
        processor = world.programs.serve(HURRIED, "processor")
        settled(world, processor)
        switch(world.sales, refuse_contacts=True)
        buried = world.place(3)
        wait_until(lambda: len(world.letters()) == 3, LONG, "three dead letters")
        world.place(30)
        pauses(world, processor)
        for _ in range(2):
            processor.kill()
            processor.wait(30)
            processor = world.programs.serve(HURRIED, "processor")
            pauses(world, processor)
        assert len(world.letters()) == 3
        switch(world.sales, refuse_contacts=False)
        for order_id in buried:
            world.edit(order_id, 16)
        world.arrived()
        wait_until(lambda: world.programs.ready(processor), LONG, "ready again")
        assert [line.split(":")[:2] for line in world.undone()] == [["dead letter", " rejected"]] * 3


def test_refused_purchases_pause_it_although_a_known_contact_is_edited_now_and_then(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    limit = 5
    with trouble(kafka, prefix, tmp_path, "--orders", "8", MAX_CONSECUTIVE_DEAD_LETTERS=str(limit)) as world:
        world.programs.serve("producer")
        processor = world.programs.serve(HURRIED, "processor")
        known = world.place(1)[0]
        settled(world, processor)
        switch(world.sales, refuse_purchases=True)
        placed: list[int] = []
        for number in range(12):
            placed += world.place(2)
            refused_or_paused(world, processor, len(placed))
            if not paused(world, processor):
                edit_and_wait(world, processor, known, number)
        wait_until(lambda: paused(world, processor) or len(world.letters()) >= limit, LONG, "the pause")
        assert len(world.letters()) < limit
        switch(world.sales, refuse_purchases=False)
        wait_until(lambda: world.programs.ready(processor), LONG, "ready again")
        for order_id in placed:
            world.edit(order_id, 16)
        world.arrived()
        assert len(world.letters()) < limit
        assert all(line.startswith("dead letter: rejected") for line in world.undone())


def refused_or_paused(world: Trouble, processor: subprocess.Popen[bytes], count: int) -> None:
    """Wait until SALESmanago was asked for so many new purchases in all, or the processor pauses."""

    def enough() -> bool:
        asked = sum(one["what"] == "contact/addContactExtEvent" for one in world.asked(world.sales))
        return asked > count or paused(world, processor)

    wait_until(enough, LONG, "the purchases are refused")


def edit_and_wait(world: Trouble, processor: subprocess.Popen[bytes], order_id: int, number: int) -> None:
    """Edit a delivered order, each time in another way, and wait until that is done, or the processor pauses."""
    done = times_done(world, order_id)
    if number % 3 == 0:
        world.edit(order_id, 16, delivery_fullname=f"Jan Nowak {number}")  # an answered contact
    elif number % 3 == 1:
        world.edit(order_id, 16)  # nothing to write
    else:
        world.edit(order_id, 1)  # an unchanged purchase
    wait_until(lambda: times_done(world, order_id) > done or paused(world, processor), LONG, "the edit is done")


def times_done(world: Trouble, order_id: int) -> int:
    """How often an order had its outcome."""
    lines = [line for path in world.programs.folder.glob("*.log") for line in path.read_text().splitlines()]
    return sum(f'"order_id": {order_id},' in line for line in lines if '"order done"' in line)


def paused(world: Trouble, processor: subprocess.Popen[bytes]) -> bool:
    """Whether it says that it pauses for a storm of dead letters."""
    return "dead letters in a row" in refused(world, processor)


def pauses(world: Trouble, processor: subprocess.Popen[bytes]) -> None:
    """It pauses for a storm of dead letters."""
    wait_until(lambda: paused(world, processor), LONG, "the pause")


def test_apis_that_are_unreachable_for_a_while_cost_no_order(kafka: str, prefix: str, tmp_path: Path) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "10", "--latency", "0.05") as world:
        programs = [world.programs.serve(module) for module in ("producer", "processor", "processor")]
        members = settled(world, *programs[1:])
        world.place(40)
        wait_until(lambda: len(fetch_state(world.sales)["events"]) >= 10, LONG, "half-way")
        for url in (world.base, world.sales):
            ask_sandbox(url, "listen", {"off": 4.0})
        wait_until(lambda: not heard(world), LONG, "they listen no more")
        wait_until(lambda: heard(world), LONG, "both listen again")
        assert world.members() == members
        world.place(5)
        world.arrived()
        assert all(world.programs.ready(process) for process in programs)
        assert world.undone() == []


def heard(world: Trouble) -> bool:
    """Whether both stand-ins answer."""
    try:
        return bool(fetch_state(world.base)) and isinstance(wrong(world.apis), list)
    except OSError:
        return False


@pytest.mark.parametrize("same_partition", [False, True])
def test_a_processor_stopped_while_a_dead_letter_is_held_and_a_create_is_answered_commits_neither_too_early(
    kafka: str, prefix: str, tmp_path: Path, same_partition: bool
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "3", CREATE_TIMEOUT_SECONDS="10") as world:
        world.programs.serve("producer")
        processor = world.programs.serve("processor")
        settled(world, processor)
        ids = [910_000_000 + number for number in range(100)]
        parts = [partition_of(order_key(order_id), 6) for order_id in ids]
        refused = ids[0]
        created = next(
            one for one, part in zip(ids[1:], parts[1:], strict=True) if (part == parts[0]) is same_partition
        )
        switch(world.sales, reject_emails=[email_of(refused)])
        world.play(world.sales, {"kind": "slow", "where": "addContactExtEvent", "seconds": 4.0, "of": str(created)})
        for order_id in (refused, created):
            place_one(world, order_id)
        wait_until(lambda: world.played(world.sales), LONG, "the create is under way")
        processor.terminate()
        assert processor.wait(LONG) == 0, world.programs.log(processor)[-3000:]
        assert world.letters() == []
        switch(world.sales, reject_emails=[], faults=[])
        world.programs.serve("processor")
        world.arrived()
        assert world.undone() == []


def test_during_a_pause_for_orders_that_are_bad_in_themselves_good_ones_still_arrive(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with trouble(kafka, prefix, tmp_path, "--orders", "3", MAX_CONSECUTIVE_DEAD_LETTERS="3") as world:
        world.programs.serve("producer")
        processor = world.programs.serve(HURRIED, "processor")
        settled(world, processor)
        bad = [910_000_000 + number for number in range(3)]
        switch(world.sales, reject_emails=[email_of(order_id) for order_id in bad])
        for order_id in bad:
            place_one(world, order_id)
        for good in 920_000_000, 920_000_001:
            wait_until(lambda: paused(world, processor), LONG, "the pause")
            place_one(world, good)
            wait_until(partial(purchases_of, world, good), LONG, "the good order's purchase")
        wait_until(lambda: paused(world, processor), LONG, "the pause: the bad ones were tried again")
        assert world.letters() == []
        switch(world.sales, reject_emails=[])
        world.arrived()
        wait_until(lambda: world.programs.ready(processor), LONG, "ready again")
        assert world.undone() == []


def place_one(world: Trouble, order_id: int) -> None:
    """A new order of a buyer of its own."""
    order = an_order(order_id, email=email_of(order_id), phone=f"+48 5{order_id % 100_000_000:08d}")
    ask_sandbox(world.base, "orders", [{"order": order, "log_types": [1]}])


def purchases_of(world: Trouble, order_id: int) -> int:
    """How many purchases an order has."""
    return purchases(world.apis)[str(order_id)]
