"""The delivering side with its real threads, SALESmanago played in memory: whom a failure concerns, and whom not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from clients import CallMissing, CallRefused, Contact, ContactCard, FatalError, PurchaseEvent, RejectedError
from processor.circuit_breaker import Gate
from processor.decide.rules import Send
from processor.deliver import stage as module
from processor.deliver.lease import Lease
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Ending, Limits
from processor.job import Job
from tests.processor.entries import entry


class Place:
    """Deliver and how its jobs ended."""

    def __init__(self, intent_seconds: float = 10.0, **calls: Any) -> None:
        self.ended: dict[int, Ending] = {}
        reads = ("contacts_by_email", "contacts_by_id", "account_contacts_by_email", "account_contacts_by_id")
        nothing: dict[str, Any] = dict.fromkeys(reads, lambda values: [])
        api: Any = SimpleNamespace(**{**nothing, **calls})
        lease = Lease(1000, time.monotonic)
        limits = Limits(4, 20, 10, 20, intent_seconds)
        self.gate = Gate("SALESmanago")
        self.deliver = Deliver(api, self.gate, lease, limits, time.monotonic, self._end)

    def _end(self, job: Job, ending: Ending) -> None:
        self.ended[job.order_id] = ending

    def turn_until(self, true: Callable[[], bool], at_least_intents: int = 1) -> None:
        """Turn the loop; intents are written at once when there are so many."""
        until = time.monotonic() + 30
        while not true():
            assert time.monotonic() < until, "it did not come"
            self.deliver.advance()
            self.deliver.collect(0.01)
            if len(self.deliver._to_intend) >= at_least_intents:
                self.deliver.intended(self.deliver.take_intents(), time.monotonic())
                at_least_intents = 1


@contextmanager
def place(intent_seconds: float = 10.0, **calls: Any) -> Iterator[Place]:
    """One whose threads are ended."""
    made = Place(intent_seconds, **calls)
    try:
        yield made
    finally:
        made.deliver.shut()


def upsert(contact: Contact, before_write: Any = None) -> str:
    return f"c-{contact.email}"


def a_job(number: int, email: str, log_type: int = 1) -> Job:
    event = PurchaseEvent(str(number), datetime.now(UTC), "shop", Decimal(1)) if log_type == 1 else None
    job = Job(number, 0, None, [entry(number, log_type=log_type)])
    job.send, job.fingerprint = Send(Contact(email=email), event), "a.b"
    return job


def test_an_email_that_the_look_refuses_costs_only_its_own_order() -> None:
    def cards(emails: list[str]) -> list[ContactCard]:
        if "bad@example.com" in emails:
            raise RejectedError("Wrong email", api="SALESmanago")
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        return "e1"

    with place(upsert_contact=upsert, contacts_by_email=cards, add_event=add) as here:
        for number in range(1, 16):
            here.deliver.enter(a_job(number, "bad@example.com" if number == 8 else f"m{number}@example.com"))
        here.turn_until(lambda: len(here.ended) == 15, at_least_intents=15)
    assert {number for number, ending in here.ended.items() if ending.reason == "rejected"} == {8}
    assert {ending.reason for number, ending in here.ended.items() if number != 8} == {"created"}


def test_a_probe_is_not_stuck_behind_a_halted_order_of_its_contact() -> None:
    with place(upsert_contact=upsert) as here:
        here.deliver.halted = True
        before, probe, other = (
            a_job(number, mail, 16) for number, mail in ((1, "a@x.pl"), (2, "a@x.pl"), (3, "b@x.pl"))
        )
        here.deliver.enter(before)
        here.deliver.enter(other)
        here.deliver.advance()
        here.deliver.only = probe
        here.deliver.enter(probe)
        here.turn_until(lambda: 2 in here.ended)
        assert set(here.ended) == {1, 2}


def test_a_refused_key_that_only_one_order_meets_becomes_that_orders_own_trouble() -> None:
    refusals: list[str] = []

    def refuse(contact: Contact, before_write: Any = None) -> str:
        if contact.email == "odd@example.com":
            refusals.append(contact.email)
            raise FatalError("refused: owner", api="SALESmanago")
        return upsert(contact)

    with place(upsert_contact=refuse) as here:
        here.deliver.enter(a_job(1, "odd@example.com", 16))
        for probes in range(1, module.REFUSED_KEYS + 1):
            here.turn_until(lambda probes=probes: len(refusals) == probes and here.gate.stopped is not None)  # type: ignore[misc]
            here.gate.mended()  # the probe was accepted
        here.turn_until(lambda: 1 in here.ended)
        assert here.gate.stopped is None
    assert here.ended[1].reason == "rejected"


def test_a_card_that_is_listed_late_costs_no_attempt() -> None:
    asked: list[float] = []

    def cards(emails: list[str]) -> list[ContactCard]:
        asked.append(time.monotonic())
        return [ContactCard("c-a@x.pl", "a@x.pl", (), ())] if len(asked) > 3 else []

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        return "e1"

    with place(upsert_contact=upsert, contacts_by_email=cards, add_event=add) as here:
        job = a_job(1, "a@x.pl")
        here.deliver.enter(job)
        here.turn_until(lambda: 1 in here.ended)
    assert (here.ended[1].reason, job.attempts) == ("created", 0)


def test_cards_that_take_longer_than_an_intent_is_good_for_stall_no_purchase() -> None:
    created: list[str] = []

    def cards(emails: list[str]) -> list[ContactCard]:
        time.sleep(0.25)
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        before_write()
        created.append(contact_id)
        return "e1"

    with place(0.2, upsert_contact=upsert, contacts_by_email=cards, add_event=add) as here:
        for number in (1, 2):
            here.deliver.enter(a_job(number, f"m{number}@x.pl"))
        here.turn_until(lambda: len(here.ended) == 2, at_least_intents=2)
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

    with place(0.2, upsert_contact=upsert, account_contacts_by_email=account, add_event=add) as here:
        jobs = [a_job(number, f"m{number}@x.pl") for number in (1, 2)]
        for job in jobs:
            here.deliver.enter(job)
        here.turn_until(lambda: len(here.ended) == 2, at_least_intents=2)
    assert sorted(created) == ["c-m1@x.pl", "c-m2@x.pl"]
    assert {ending.reason for ending in here.ended.values()} == {"created"}


@pytest.mark.parametrize("error", [CallRefused("Access denied", api="SALESmanago"), CallMissing("", api="SALESmanago")])
def test_a_refused_account_wide_list_neither_stops_nor_closes_the_gate(error: Exception) -> None:
    asked: list[str] = []

    def refuse(values: list[str]) -> list[ContactCard]:
        asked.append("all")
        raise error

    def cards(emails: list[str]) -> list[ContactCard]:
        return [ContactCard(f"c-{email}", email, (), ()) for email in emails if email != "other@x.pl"]

    def add(contact_id: str, event: PurchaseEvent, before_write: Any = None) -> str:
        return "e1"

    with place(
        upsert_contact=upsert, contacts_by_email=cards, add_event=add,
        account_contacts_by_email=refuse, account_contacts_by_id=refuse,
    ) as here:  # fmt: skip
        others = a_job(1, "other@x.pl")
        here.deliver.enter(others)
        for number in range(2, 12):
            here.deliver.enter(a_job(number, f"m{number}@x.pl"))
        here.turn_until(lambda: len(here.ended) == 10 and others.failures >= 2, at_least_intents=11)
        assert (here.gate.stopped, here.gate.until, here.gate.failures) == (None, 0.0, 0)
    assert {ending.reason for ending in here.ended.values()} == {"created"}
    assert (others.attempts, len(asked) > 0) == (0, True)
