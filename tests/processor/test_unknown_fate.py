"""An order that fails while a create of unknown fate may lie on an earlier contact keeps that contact in its row."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from clients import Contact, PurchaseEvent
from processor.calls import ask_of
from processor.jobs import Job, Step
from processor.look import NotShown
from processor.record import final_row
from processor.rules import Send
from processor.way import Ending, Limits, after_failure
from schemas.records import Delivery, Outcome
from tests.processor.entries import entry

NOW = datetime.now(UTC)
LIMITS = Limits(4, 20, 10, 20)
SENDING = Delivery(Outcome.SENDING, "", True, -1, "T", 1, "A", None, None, NOW)
EVENT = PurchaseEvent("7", NOW, "shop", Decimal(1), "", "", ())


def send() -> Send:
    return Send(Contact("b@example.com"), EVENT)


def after(row: Delivery) -> Job:
    """The order's next job: its buyer is B by now."""
    return Job(7, 0, row, [entry(9)], send=send(), contact_id="B", fingerprint="x.y")


def test_giving_up_keeps_the_contact_that_must_be_looked_at() -> None:
    job = Job(7, 0, SENDING, [entry(5)], step=Step.LOOK, send=send(), contact_id="B", settle_until=1.0, attempts=19)
    ending = after_failure(job, Step.LOOK, NotShown(False), True, 100.0, LIMITS, 1.0)
    assert isinstance(ending, Ending)
    row = final_row(job, ending, "T", NOW)
    assert (row.outcome, row.contact_id) == (Outcome.DEAD, "A")
    assert ask_of(after(row)).intended == {"A"}


@pytest.mark.parametrize("reason", ["rejected", "order_refused", "undecidable"])
def test_failing_for_another_reason_does_so_too(reason: str) -> None:
    job = Job(7, 0, SENDING, [entry(5)], contact_id="B", settle_until=1.0)
    row = final_row(job, Ending(Outcome.DEAD, reason, None, "B"), "T", NOW)
    assert row.contact_id == "A"
    assert ask_of(after(row)).intended == {"A"}


def test_an_intent_of_its_own_came_after_a_look_at_the_earlier_contact_and_replaces_it() -> None:
    job = Job(7, 0, SENDING, [entry(5)], contact_id="B", intended_contact="B", settle_until=1.0)
    assert final_row(job, Ending(Outcome.DEAD, "gave_up", None, "B"), "T", NOW).contact_id == "B"


def test_a_failed_order_whose_purchase_is_known_asks_for_no_other_card() -> None:
    row = Delivery(Outcome.DEAD, "event_gone", True, 5, "T", 1, "A", "E", None, NOW)
    assert ask_of(after(row)).intended == set()
