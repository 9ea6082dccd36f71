"""With real threads: whom a failure concerns, and whom not."""

import time
from typing import Any

import pytest

from clients import (
    CallMissing,
    CallRefused,
    Contact,
    ContactCard,
    FatalError,
    PurchaseEvent,
    RejectedError,
)
from processor.deliver import stage as module
from tests.processor.deliver.attempts import a_job, decided
from tests.processor.deliver.place import Place, real, turn_until
from tests.processor.entries import entry


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
