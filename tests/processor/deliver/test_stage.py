"""The delivering side between its neighbours, SALESmanago played in memory: what is called when, and what comes out.

Most of it on a clock and with threads that the test moves; what is about threads has real ones.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from clients import (
    BackpressureError,
    CallMissing,
    CallRefused,
    Contact,
    ContactCard,
    FatalError,
    PurchaseEvent,
    RejectedError,
    RetriableError,
)
from processor.circuit_breaker import STORM, CircuitBreaker
from processor.deliver import stage as module
from processor.deliver.lease import Lease
from processor.deliver.requests import Requests
from processor.deliver.stage import NOT_SHOWN_SECONDS, OPEN_A_THREAD, Deliver, Intent, Released
from processor.deliver.state_machine import Limits
from processor.ending import Ending, Write
from processor.errors import NeedsOperator
from processor.job import Job
from schemas.records import Outcome
from tests.processor.by_hand import Threads, by_hand
from tests.processor.deliver.attempts import Sales, a_job, decided
from tests.processor.entries import entry, row

NOT_SENT = BackpressureError("nobody listens", api="SALESmanago")
NO_ANSWER = RetriableError("no answer", api="SALESmanago")


class Place:
    """Deliver between fake neighbours, and what it handed on."""

    def __init__(self, api: Any, clock: Callable[[], float], threads: int = 4, **over: Any) -> None:
        lease = Lease(10_000, clock)
        limits = replace(Limits(threads, 20, 10, 20), **over)
        self.breaker = CircuitBreaker("SALESmanago", proven=True)
        self.clock = clock
        self.deliver = Deliver(Requests(api, lease, limits, clock), self.breaker, limits, lambda: 1.0)
        self.ended: dict[int, Ending] = {}
        self.released: list[Job] = []
        self.intents: list[Intent] = []

    def poll(self) -> None:
        self.take(self.deliver.poll(self.clock()))

    def take(self, values: Any) -> None:
        for value in values:
            if isinstance(value, Intent):
                self.intents.append(value)
            elif isinstance(value, Released):
                self.released.append(value.job)
            else:
                assert value.job.order_id not in self.ended
                self.ended[value.job.order_id] = value

    def intend(self, began: float | None = None) -> None:
        """All intents are in Kafka, by a transaction that was begun just now."""
        intents, self.intents = self.intents, []
        for intent in intents:
            self.deliver.intended(intent, self.clock() if began is None else began)


class Hand(Place):
    """One whose clock and threads are the test's."""

    def __init__(self, threads: Threads, number: int, **over: Any) -> None:
        self.now, self.sales, self.threads = 1000.0, Sales(), threads
        super().__init__(self.sales, lambda: self.now, number, **over)

    def submit(self, *order_ids: int, email: str = "", partition: int = 0, purchase: bool = True) -> None:
        for order_id in order_ids:
            job = a_job(order_id, partition=partition)
            self.deliver.submit(decided(job, email or f"m{order_id}@x.pl", purchase))

    def poll(self, seconds: float = 0.0) -> None:
        self.now += seconds
        super().poll()

    def answer(self) -> None:
        """All calls under way end."""
        self.threads.run_all()
        self.take(self.deliver.join(self.now, 0.0))

    def turn(self, turns: int = 1, seconds: float = 0.0) -> None:
        for _ in range(turns):
            self.poll(seconds)
            self.answer()
            self.intend()

    def revoke(self, *partitions: int) -> None:
        self.deliver.revoke(set(partitions))
        self.take(self.deliver.join(self.now, 0.0))


@contextmanager
def hand(threads: int = 4, **over: Any) -> Iterator[Hand]:
    with by_hand("processor.deliver.pool") as pool:
        yield Hand(pool, threads, **over)


@contextmanager
def real(intent_seconds: float = 10.0, attempts: int = 20, **calls: Any) -> Iterator[Place]:
    """One with real threads, which are ended."""
    reads = ("contacts_by_email", "contacts_by_id", "account_contacts_by_email", "account_contacts_by_id")
    nothing: dict[str, Any] = dict.fromkeys(reads, lambda values: [])
    api: Any = SimpleNamespace(**{**nothing, **calls})
    place = Place(api, time.monotonic, intent_seconds=intent_seconds, attempts=attempts)
    try:
        yield place
    finally:
        place.deliver.close()


def turn_until(place: Place, true: Callable[[], bool], at_least_intents: int = 1) -> None:
    """Turn the loop; intents are written at once when there are so many."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "it did not come"
        place.poll()
        place.take(place.deliver.join(time.monotonic(), 0.01))
        if len(place.intents) >= at_least_intents:
            place.intend()
            at_least_intents = 1


# ---- the order of steps


def test_a_purchase_is_looked_for_before_its_intent_and_created_after_it() -> None:
    with hand() as here:
        here.submit(1)
        here.poll()
        here.answer()
        here.poll()
        here.answer()
        assert here.sales.calls == ["upsert", "look"]
        assert [(intent.job.order_id, intent.contact_id) for intent in here.intents] == [(1, "c-m1@x.pl")]
        here.poll()
        assert len(here.threads) == 0, "it waits for Kafka"
        here.intend()
        here.poll()
        here.answer()
    assert here.sales.calls == ["upsert", "look", "create"]
    assert (here.ended[1].reason, here.ended[1].event_id) == ("created", "e1")
    assert here.ended[1].accepted == {Write.NONE, Write.NEW_CONTACT, Write.UPDATE, Write.PURCHASE}


def test_a_contact_alone_needs_neither_a_look_nor_an_intent() -> None:
    with hand() as here:
        here.submit(1, purchase=False)
        here.turn(3)
    assert here.sales.calls == ["upsert"]
    assert (here.ended[1].reason, here.ended[1].with_purchase) == ("contact", False)


def test_an_intent_that_another_member_left_is_waited_for_before_the_look() -> None:
    with hand() as here:
        sending = row(outcome=Outcome.SENDING, event_id=None, contact_id="c-m1@x.pl", fingerprint=None)
        here.deliver.submit(decided(a_job(1, sending, settle_until=here.now + 40), "m1@x.pl"))
        here.turn(5)
        assert here.sales.calls == ["upsert"]
        assert here.deliver.parked == 1
        here.turn(1, seconds=39.0)
        assert here.sales.calls == ["upsert"]
        here.turn(3, seconds=1.0)
    assert here.sales.calls == ["upsert", "look", "create"]


def test_a_create_without_an_answer_is_looked_for_after_a_wait_and_adopted() -> None:
    with hand() as here:
        here.sales.after["create"] = NO_ANSWER
        here.submit(1)
        here.turn(4)
        assert (here.ended, here.deliver.parked, here.deliver.retrying) == ({}, 1, 1)
        here.turn(1, seconds=29.0)
        assert here.sales.calls == ["upsert", "look", "create"]
        here.turn(2, seconds=1.0)
    assert here.ended[1].reason == "adopted"
    assert here.sales.created(1) == 1


def test_a_create_whose_turn_comes_too_late_is_not_written_and_repeated_from_the_look() -> None:
    with hand() as here:
        here.submit(1)
        here.turn(2)
        here.poll()  # the create is on its way to the socket
        here.now += 11.0
        here.answer()
        assert here.sales.calls == ["upsert", "look"]
        here.turn(3)
    assert here.sales.calls == ["upsert", "look", "look", "create"]
    assert (here.ended[1].reason, here.ended[1].attempts) == ("created", 0)
    assert here.breaker.failures == 0


def test_few_orders_are_between_look_and_create_and_the_next_ones_are_looked_at_once_those_are_created() -> None:
    threads = 2
    most = OPEN_A_THREAD * threads
    with hand(threads) as here:
        here.submit(*range(1, 31))
        for _ in range(50):
            here.poll()
            here.answer()
        assert here.sales.calls.count("upsert") == 30
        assert len(here.intents) == most
        here.intend()
        for _ in range(50):
            here.poll()
            here.answer()
        assert here.sales.calls.count("create") == most
        assert len(here.intents) == most
        here.turn(50)
    assert all(here.sales.created(order_id) == 1 for order_id in range(1, 31))


# ---- lanes


def test_orders_of_one_contact_go_one_after_the_other_and_others_side_by_side() -> None:
    with hand() as here:
        here.submit(1, 2, email="a@x.pl", purchase=False)
        here.submit(3, email="b@x.pl", purchase=False)
        here.poll()
        assert here.deliver.in_flight == 2
        here.answer()
        assert set(here.ended) == {1, 3}
        here.turn()
    assert set(here.ended) == {1, 2, 3}


def test_an_order_that_waits_for_another_try_holds_its_contacts_lane() -> None:
    with hand() as here:
        here.sales.fails["upsert"].append(NO_ANSWER)
        here.submit(1, 2, email="a@x.pl", purchase=False)
        here.turn(3)
        assert here.ended == {}
        here.turn(2, seconds=1.0)
    assert list(here.ended) == [1, 2]


# ---- partitions go


def test_a_revoke_drops_what_is_not_under_way_and_the_next_one_of_the_contact_gets_the_lane() -> None:
    with hand() as here:
        here.sales.fails["upsert"].append(NO_ANSWER)
        here.submit(1, email="a@x.pl", purchase=False)
        here.submit(2, email="a@x.pl", partition=1, purchase=False)
        here.turn()
        here.revoke(0)
        assert (here.deliver.parked, here.deliver.retrying) == (0, 0)
        here.turn(2, seconds=60.0)
    assert (list(here.ended), here.released) == ([2], [])


def test_a_revoke_lets_a_call_end_whose_outcome_is_handed_on() -> None:
    with hand() as here:
        here.submit(1, 2)
        here.turn(2)
        here.poll()
        here.revoke(0)
        assert here.deliver.busy({0})
        assert not here.deliver.busy({1})
        here.answer()
        assert not here.deliver.busy({0})
        here.revoke(0)
    assert {order_id: ending.reason for order_id, ending in here.ended.items()} == {1: "created", 2: "created"}
    assert here.released == []


def test_a_call_that_ends_without_an_outcome_goes_no_further_after_a_revoke() -> None:
    with hand() as here:
        here.submit(1)
        here.poll()
        here.revoke(0)
        here.answer()
        here.revoke(0)
        here.turn(5, seconds=60.0)
    assert here.sales.calls == ["upsert"]
    assert (here.ended, here.released, here.intents) == ({}, [], [])


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_revoke_takes_an_intent_back_whose_create_was_not_begun(acknowledged: bool) -> None:
    with hand() as here:
        here.submit(1)
        for _ in range(2):
            here.poll()
            here.answer()
        intent = here.intents[0]
        if acknowledged:
            here.intend()
        here.revoke(0)
        assert here.released == [intent.job]
        here.deliver.intended(intent, here.now)  # Kafka's word comes after
        here.turn(3)
    assert here.sales.calls == ["upsert", "look"]
    assert here.ended == {}


def test_an_intent_is_handed_on_before_it_is_taken_back() -> None:
    with hand() as here:
        here.submit(1)
        here.turn()
        here.poll()
        here.threads.run_all()
        here.deliver._now = here.now
        for reply in here.deliver._pool.replies(0.0):
            here.deliver._handle(reply)
        here.deliver.revoke({0})
        assert [type(out) for out in here.deliver.join(here.now, 0.0)] == [Intent, Released]


@pytest.mark.parametrize("step", ["create", "look"])
def test_an_intent_is_taken_back_however_long_its_order_waits_for_another_try(step: str) -> None:
    with hand() as here:
        later = datetime.now(UTC) + timedelta(hours=1)
        wait = BackpressureError("come back later", api="SALESmanago", retry_at=later)
        here.submit(1)
        here.turn(2)
        if step == "look":
            here.sales.fails["create"].append(NOT_SENT)
            here.sales.fails["look"].extend([NO_ANSWER] * 10)
            here.turn(20, seconds=60.0)
            assert here.deliver.retrying == 1
        else:
            here.sales.fails["create"].append(wait)
            here.turn(2)
            here.poll(600.0)
        assert here.ended == {}
        here.revoke(0)
    assert [job.order_id for job in here.released] == [1]


@pytest.mark.parametrize("fate", ["lost answer", "somebody else's"])
def test_an_intent_on_which_a_create_may_be_alive_is_not_taken_back(fate: str) -> None:
    with hand() as here:
        if fate == "lost answer":
            here.sales.after["create"] = NO_ANSWER
            here.submit(1)
            here.turn(3)
        else:
            sending = row(outcome=Outcome.SENDING, event_id=None, contact_id="c-m1@x.pl", fingerprint=None)
            here.deliver.submit(decided(a_job(1, sending), "m1@x.pl"))
            here.turn(2)
        here.revoke(0)
        here.turn(3, seconds=60.0)
    assert (here.ended, here.released) == ({}, [])


def test_what_was_lost_is_heard_of_no_more_and_its_lane_is_free_once_its_call_has_ended() -> None:
    with hand() as here:
        here.submit(1, email="a@x.pl")
        here.turn(2)
        here.poll()  # its create is under way
        here.submit(2, email="a@x.pl")
        here.submit(3, email="a@x.pl", partition=1)
        here.deliver.lose({0})
        here.poll()
        assert len(here.threads) == 1, "the contact's lane is still in use"
        here.turn(4)
    assert (list(here.ended), here.released) == ([3], [])
    assert here.sales.created(1) == here.sales.created(3) == 1


def test_what_was_ready_to_be_handed_on_is_not_once_its_partition_is_lost() -> None:
    with hand() as here:
        here.submit(1, purchase=False)
        here.poll()
        here.threads.run_all()
        values = here.deliver.join(here.now, 0.0)
        here.submit(2, partition=1, purchase=False)
        first = next(iter(values))
        assert isinstance(first, Ending)
        here.submit(3)
        here.turn()
        here.poll()
        here.threads.run_all()
        for reply in here.deliver._pool.replies(0.0):
            here.deliver._handle(reply)
        here.deliver.lose({0})
        here.turn()
    assert list(here.ended) == [2]
    assert here.intents == []


# ---- failures


def test_while_nothing_can_be_recorded_nothing_is_called_and_intents_are_still_handed_on() -> None:
    with hand() as here:
        here.submit(1)
        here.turn()
        here.poll()  # the look is under way
        here.deliver.held = True
        here.submit(2)
        here.answer()
        assert len(here.intents) == 1
        here.turn(5, seconds=1.0)
        assert here.sales.calls == ["upsert", "look"]
        here.deliver.held = False
        here.turn(5)
    assert {ending.reason for ending in here.ended.values()} == {"created"}


def test_the_api_is_not_called_before_the_pause_it_asked_for_is_over() -> None:
    with hand() as here:
        soon = datetime.now(UTC) + timedelta(seconds=100)
        here.sales.fails["upsert"].append(BackpressureError("429", api="SALESmanago", retry_at=soon))
        here.submit(1, purchase=False)
        here.turn()
        here.turn(3, seconds=20.0)
        assert here.sales.calls == ["upsert"]
        here.turn(3, seconds=20.0)
    assert (here.ended[1].reason, here.ended[1].attempts) == ("contact", 0)


def test_an_outage_ends_no_order_and_is_probed_by_one_call_at_a_time() -> None:
    with hand() as here:
        here.sales.fails["upsert"].extend([NO_ANSWER] * 300)
        here.submit(*range(1, 21), purchase=False)
        here.turn(STORM, seconds=30.0)
        before = len(here.sales.calls)
        here.turn(10, seconds=60.0)
        assert len(here.sales.calls) == before + 10
        here.sales.fails["upsert"].clear()
        here.turn(20, seconds=60.0)
    assert {ending.reason for ending in here.ended.values()} == {"contact"}


def test_a_refused_key_is_asked_about_once_a_minute_until_it_is_accepted() -> None:
    refused = FatalError("wrong secret", api="SALESmanago")
    with hand() as here:
        here.submit(1, purchase=False)
        here.sales.fails["upsert"].append(refused)
        here.sales.fails["users"].extend([refused] * 5)
        here.turn()
        here.turn(100, seconds=3.0)
        assert here.sales.calls == ["upsert"] + ["users"] * 5
        here.turn(21, seconds=3.0)
        assert here.breaker.stopped is None
        here.turn(2, seconds=1.0)
    assert here.ended[1].reason == "contact"


def test_a_key_that_was_never_accepted_ends_the_program() -> None:
    with hand() as here:
        here.breaker.proven = False
        here.submit(1, purchase=False)
        here.sales.fails["upsert"].append(FatalError("wrong secret", api="SALESmanago"))
        with pytest.raises(NeedsOperator, match="wrong secret"):
            here.turn()


def test_a_card_that_is_listed_late_costs_no_attempt_and_counts_after_half_an_hour_only() -> None:
    with hand() as here:
        here.submit(1)
        here.turn()
        here.sales.hidden.add("m1@x.pl")
        began = here.now
        while here.now < began + NOT_SHOWN_SECONDS:
            here.turn(1, seconds=30.0)
        assert here.ended == {}
        here.turn(2 * 20, seconds=30.0)
    assert (here.ended[1].reason, here.ended[1].attempts, here.ended[1].refused) == ("gave_up", 20, Write.PURCHASE)
    with hand() as here:
        here.submit(1)
        here.turn()
        here.sales.hidden.add("m1@x.pl")
        here.turn(20, seconds=30.0)
        here.sales.hidden.clear()
        here.turn(1, seconds=30.0)
        here.turn(3)
    assert (here.ended[1].reason, here.ended[1].attempts) == ("created", 0)


def test_orders_that_wait_for_another_try_take_room() -> None:
    with hand() as here:
        room = here.deliver.room
        here.sales.fails["upsert"].extend([NO_ANSWER] * 3)
        here.submit(1, 2, 3)
        here.turn()
        assert here.deliver.room == room - 3
        here.turn(9, seconds=30.0)
        assert (here.deliver.room, here.deliver.parked) == (room, 0)


def test_the_back_off_grows_and_is_bounded() -> None:
    asked: list[float] = []
    with hand() as here:
        here.sales.fails["upsert"].extend([NO_ANSWER] * 19)
        here.submit(1, purchase=False)
        while not here.ended:
            before = len(here.sales.calls)
            here.turn(1, seconds=0.25)
            if len(here.sales.calls) > before:
                asked.append(here.now)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[0] <= 1.0
    assert max(pauses) <= 91.0  # the order's own 30 s, and the API's pause while it is out
    assert pauses[-1] > pauses[0]


# ---- with real threads: whom a failure concerns, and whom not


def upsert(contact: Contact, before_write: Any = None) -> str:
    return f"c-{contact.email}"


def submit(place: Place, number: int, email: str, log_type: int = 1) -> None:
    job = a_job(number, None, entry(number, number, log_type=log_type))
    place.deliver.submit(decided(job, email, purchase=log_type == 1))


def test_an_email_that_the_look_refuses_costs_only_its_own_order() -> None:
    def cards(emails: list[str]) -> list[ContactCard]:
        if "bad@example.com" in emails:
            raise RejectedError("Wrong email", api="SALESmanago")
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        return "e1"

    with real(upsert_contact=upsert, contacts_by_email=cards, add_event=add) as here:
        for number in range(1, 16):
            submit(here, number, "bad@example.com" if number == 8 else f"m{number}@example.com")
        turn_until(here, lambda: len(here.ended) == 15, at_least_intents=14)
    assert {number for number, ending in here.ended.items() if ending.reason == "rejected"} == {8}
    assert {ending.reason for number, ending in here.ended.items() if number != 8} == {"created"}


def test_a_refused_key_that_only_one_order_meets_becomes_that_orders_own_failure() -> None:
    refusals: list[str] = []

    def refuse(contact: Contact, before_write: Any = None) -> str:
        if contact.email == "odd@example.com":
            refusals.append(contact.email)
            raise FatalError("refused: owner", api="SALESmanago")
        return upsert(contact)

    with real(upsert_contact=refuse) as here:
        submit(here, 1, "odd@example.com", 16)
        for probes in range(1, module.REFUSED_KEYS + 1):
            turn_until(here, lambda probes=probes: len(refusals) == probes and here.breaker.stopped is not None)  # type: ignore[misc]
            here.breaker.recovered()  # the probe was accepted
        turn_until(here, lambda: 1 in here.ended)
        assert here.breaker.stopped is None
    assert here.ended[1].reason == "rejected"


def test_cards_that_take_longer_than_an_intent_is_good_for_stall_no_purchase() -> None:
    created: list[str] = []

    def cards(emails: list[str]) -> list[ContactCard]:
        time.sleep(0.25)
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        before_write()
        created.append(contact_id)
        return "e1"

    with real(0.2, upsert_contact=upsert, contacts_by_email=cards, add_event=add) as here:
        for number in (1, 2):
            submit(here, number, f"m{number}@x.pl")
        turn_until(here, lambda: len(here.ended) == 2)
    assert sorted(created) == ["c-m1@x.pl", "c-m2@x.pl"]
    assert {ending.reason for ending in here.ended.values()} == {"created"}


def test_a_look_that_asks_account_wide_creates_however_long_it_takes_and_never_on_an_old_one() -> None:
    created: list[str] = []

    def account(values: list[str]) -> list[ContactCard]:
        time.sleep(0.25)
        return [ContactCard(f"c-{email}", email, (), ()) for email in values]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        before_write()
        created.append(contact_id)
        return "e1"

    with real(0.2, upsert_contact=upsert, account_contacts_by_email=account, add_event=add) as here:
        for number in (1, 2):
            submit(here, number, f"m{number}@x.pl")
        turn_until(here, lambda: len(here.ended) == 2)
    assert sorted(created) == ["c-m1@x.pl", "c-m2@x.pl"]
    assert {ending.reason for ending in here.ended.values()} == {"created"}


@pytest.mark.parametrize("error", [CallRefused("Access denied", api="SALESmanago"), CallMissing("", api="SALESmanago")])
def test_a_refused_account_wide_list_neither_stops_nor_pauses_the_api(error: Exception) -> None:
    asked: list[str] = []

    def refuse(values: list[str]) -> list[ContactCard]:
        asked.append("all")
        raise error

    def cards(emails: list[str]) -> list[ContactCard]:
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails if email != "other@x.pl"]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        return "e1"

    with real(
        upsert_contact=upsert, contacts_by_email=cards, add_event=add,
        account_contacts_by_email=refuse, account_contacts_by_id=refuse,
    ) as here:  # fmt: skip
        submit(here, 1, "other@x.pl")
        for number in range(2, 12):
            submit(here, number, f"m{number}@x.pl")
        turn_until(here, lambda: len(here.ended) == 10 and here.deliver.parked == 1, at_least_intents=10)
        assert (here.breaker.stopped, here.breaker.until, here.breaker.failures) == (None, 0.0, 0)
    assert {ending.reason for ending in here.ended.values()} == {"created"}
    assert (here.deliver.retrying, len(asked) > 0) == (1, True)


def test_what_a_call_raises_that_nobody_foresaw_names_no_person() -> None:
    def fail(contact: Contact, before_write: Any = None) -> str:
        raise KeyError(contact.email)

    with real(attempts=1, upsert_contact=fail) as here:
        for _ in range(30):
            here.breaker.succeeded()
        submit(here, 1, "anna@example.com", 16)
        turn_until(here, lambda: 1 in here.ended)
    assert "anna" not in f"{here.ended[1].error}"
    assert "KeyError" in f"{here.ended[1].error}"
