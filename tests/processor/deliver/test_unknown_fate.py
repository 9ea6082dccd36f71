"""A create of unknown fate: whatever becomes of its order, the next try looks at the contact it may lie on."""

from dataclasses import replace
from typing import Any

import pytest

from processor.deliver.attempt import Attempt, Step
from processor.deliver.existing_purchase import NotShown
from processor.deliver.requests import ask_of
from processor.deliver.state_machine import Limits, after_failure
from processor.ending import Ending
from processor.job import Job
from processor.ledger_rows import final_row
from schemas.records import Delivery, Outcome
from tests.processor.deliver.attempts import a_job, an_attempt
from tests.processor.entries import NOW, entry

LIMITS = Limits(4, 20, 10, 20)
SENDING = Delivery(Outcome.SENDING, "", True, -1, "T", 1, "A", None, None, NOW)


def after(before: Delivery) -> Attempt:
    """The order's next attempt: its buyer is B by now."""
    return an_attempt(before, entry(20), contact_id="B")


def ending(outcome: Outcome, reason: str, **fields: Any) -> Ending:
    return Ending(a_job(7, SENDING), outcome, reason, contact_id="B", settle_until=1.0, **fields)


def test_giving_up_keeps_the_contact_that_must_be_looked_at() -> None:
    attempt = an_attempt(SENDING, step=Step.LOOK, contact_id="B", settle_until=1.0, attempts=19)
    gave_up = after_failure(attempt, Step.LOOK, NotShown(False), True, 100.0, LIMITS, 1.0)
    assert isinstance(gave_up, Ending)
    left = final_row(gave_up, "T", NOW)
    assert (left.outcome, left.contact_id) == (Outcome.DEAD, "A")
    assert ask_of(after(left)).intended == {"A"}


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.DEAD, "rejected"),
        (Outcome.DEAD, "order_refused"),
        (Outcome.DEAD, "undecidable"),
        (Outcome.SKIPPED, "unconfirmed"),
    ],
)
def test_failing_for_another_reason_or_not_being_sent_does_so_too(outcome: Outcome, reason: str) -> None:
    left = final_row(ending(outcome, reason), "T", NOW)
    assert left.contact_id == "A"
    assert ask_of(after(left)).intended == {"A"}


def test_an_intent_of_its_own_came_after_a_look_at_the_earlier_contact_and_replaces_it() -> None:
    assert final_row(ending(Outcome.DEAD, "gave_up", intended_contact="B"), "T", NOW).contact_id == "B"


def test_a_failed_order_whose_purchase_is_known_asks_for_no_other_card() -> None:
    known = replace(SENDING, outcome=Outcome.DEAD, reason="event_gone", event_id="E")
    assert ask_of(after(known)).intended == set()


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.SKIPPED])
def test_its_row_stays_an_intent_until_no_create_can_be_alive_any_more(outcome: Outcome) -> None:
    job: Job = a_job(7, SENDING)
    assert Ending(job, outcome, "gave_up", settle_until=130.0).not_before == 130.0
    assert Ending(job, Outcome.DELIVERED, "adopted", settle_until=130.0).not_before == 0.0
