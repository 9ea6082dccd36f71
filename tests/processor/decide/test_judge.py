"""Send or skip, as a value: what is to be sent with its fingerprint, or how the job has ended."""

from dataclasses import replace
from typing import Any

import pytest

from clients import Order
from processor.decide.currency import CurrencyRules
from processor.decide.judge import Decided, Judge
from processor.decide.rules import Enriched, RuleSettings
from processor.ending import Ending, Write
from processor.job import Job
from schemas.records import Delivery, Outcome
from tests.processor.deliver.attempts import a_job
from tests.processor.entries import entry, row
from tests.processor.simulated import order

RULES = RuleSettings("shop")
SENDING = row(outcome=Outcome.SENDING, event_id=None, purchase_due=False)


def judged(job: Job, found: Order | None, rules: RuleSettings = RULES, secret: bytes = b"s") -> Decided | Ending:
    return Judge(secret).judge(job, Enriched(found), rules)


def decided(job: Job, found: Order, rules: RuleSettings = RULES, secret: bytes = b"s") -> Decided:
    verdict = judged(job, found, rules, secret)
    assert isinstance(verdict, Decided)
    return verdict


def bought(order_id: int = 1, before: Delivery | None = None, **fields: Any) -> Job:
    return a_job(order_id, before, entry(12, order_id, log_type=1), **fields)


def edited(before: Delivery | None = None) -> Job:
    return a_job(1, before, entry(12, 1, log_type=16))


def test_an_order_is_sent_with_its_purchase_where_one_is_due_and_without_one_else() -> None:
    job = bought()
    verdict = decided(job, order())
    assert verdict.job is job
    assert verdict.send.purchase is not None
    assert verdict.send.purchase.external_id == "1"
    assert decided(edited(), order()).send.purchase is None
    assert decided(edited(row(purchase_due=True)), order()).send.purchase is not None


def test_the_fingerprint_has_a_part_of_the_contact_and_one_of_the_purchase() -> None:
    contact, purchase = decided(bought(), order()).fingerprint.split(".")
    assert contact
    assert purchase
    assert decided(edited(), order()).fingerprint == f"{contact}."
    other_contact = decided(bought(), order(delivery_fullname="Anna Nowak")).fingerprint.split(".")
    assert (other_contact[0] == contact, other_contact[1] == purchase) == (False, True)
    other_purchase = decided(bought(), order(payment_method="karta", delivery_price=0)).fingerprint.split(".")
    assert (other_purchase[0] == contact, other_purchase[1] == purchase) == (True, False)


def test_the_fingerprint_hangs_on_the_secret_and_names_no_person() -> None:
    one, other = (decided(bought(), order(), secret=secret).fingerprint for secret in (b"s", b"t"))
    assert one.split(".")[0] != other.split(".")[0]
    assert "kupujacy" not in one


@pytest.mark.parametrize(
    ("found", "rules", "reason"),
    [
        (None, RULES, "order_unknown"),
        (order(confirmed=False), RULES, "unconfirmed"),
        (order(email=""), RULES, "no_email"),
        (order(), replace(RULES, skip_shop_orders=True), "shop_order"),
        (order(currency="EUR"), replace(RULES, currency=CurrencyRules("PLN", (), True)), "foreign_currency"),
    ],
)
def test_an_order_that_is_not_sent_has_ended_with_the_reason(
    found: Order | None, rules: RuleSettings, reason: str
) -> None:
    job = bought()
    ending = judged(job, found, rules)
    assert isinstance(ending, Ending)
    assert (ending.job, ending.outcome, ending.reason) == (job, Outcome.SKIPPED, reason)
    assert (ending.accepted, ending.refused, ending.with_purchase) == (frozenset(), Write.NONE, False)


def test_an_order_that_makes_the_rules_fail_is_a_dead_letter_that_names_no_person() -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise KeyError("anna@example.com")

    odd: Any = Odd()
    ending = judged(bought(), odd)
    assert isinstance(ending, Ending)
    assert (ending.outcome, ending.reason, ending.refused) == (Outcome.DEAD, "undecidable", Write.NONE)
    assert "KeyError" in str(ending.error)
    assert "anna" not in str(ending.error)


@pytest.mark.parametrize("found", [None, SENDING])
def test_an_order_that_is_not_sent_waits_until_no_create_of_it_can_be_alive(found: Delivery | None) -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise KeyError

    job, odd = bought(before=found, settle_until=130.0), Odd()
    unsent: list[Any] = [None, odd]
    for one in unsent:
        ending = judged(job, one)
        assert isinstance(ending, Ending)
        assert ending.not_before == 130.0


def test_what_is_done_with_a_purchases_currency_is_reported_and_of_a_contact_alone_nothing() -> None:
    treated: list[tuple[str, str]] = []
    judge = Judge(b"s", lambda currency, treatment: treated.append((currency, treatment)))
    rules = replace(RULES, currency=CurrencyRules("PLN", (), True))
    for job, found in ((bought(), order()), (bought(), order(currency="EUR")), (edited(), order())):
        judge.judge(job, Enriched(found), rules)
    assert treated == [("PLN", "own"), ("EUR", "skipped")]
