"""The row that an order's outcome or intent becomes."""

from dataclasses import replace

import pytest

from clients import Contact
from processor.jobs import Entry, Job
from processor.record import final_row, intent_row
from processor.rules import Send
from processor.way import Ending
from schemas.records import ASKED_FOR, Delivery, Origin, Outcome
from tests.processor.entries import NOW, entry, row


def job(before: Delivery | None, log_type: int = 1, offset: int = 12) -> Job:
    made = Job(7, 0, before, [entry(offset, log_type=log_type)])
    made.send, made.fingerprint = Send(Contact("a@example.com"), None), "x."
    return made


def test_a_row_never_goes_back_and_carries_its_event_on() -> None:
    after = final_row(job(row(journal_offset=20), 16), Ending(Outcome.SKIPPED, "no_email"), "T", NOW)
    assert (after.journal_offset, after.event_id, after.contact_id) == (20, "e1", "c1")


def test_another_topic_starts_its_own_count() -> None:
    after = final_row(job(row(journal_offset=20)), Ending(Outcome.SKIPPED, "no_email"), "NEW", NOW)
    assert after.journal_offset == 12


@pytest.mark.parametrize(("reason", "due"), [("no_email", True), ("unconfirmed", True), ("shop_order", False)])
def test_a_purchase_that_could_not_be_sent_stays_due_unless_the_shop_chose_so(reason: str, due: bool) -> None:
    assert final_row(job(None), Ending(Outcome.SKIPPED, reason), "T", NOW).purchase_due is due


def test_a_dead_purchase_stays_due() -> None:
    assert final_row(job(None), Ending(Outcome.DEAD, "rejected"), "T", NOW).purchase_due


def test_an_intent_moves_no_offset() -> None:
    assert intent_row(job(row(journal_offset=3)), "T", NOW).journal_offset == 3
    assert intent_row(job(None), "T", NOW).journal_offset == -1
    assert intent_row(job(None), "T", NOW).outcome is Outcome.SENDING


RETRACTED = {"outcome": Outcome.RETRACTED, "reason": "retracted", "event_id": None, "fingerprint": None}


def asked_for(offset: int) -> Entry:
    plain = entry(offset, log_type=2, origin=Origin.BACKFILL)
    return replace(plain, raw=replace(plain.raw, headers=((ASKED_FOR, b"1"),)))


@pytest.mark.parametrize("origin", [Origin.JOURNAL, Origin.BACKFILL])
@pytest.mark.parametrize(
    "ending",
    [Ending(Outcome.DELIVERED, "contact"), Ending(Outcome.SKIPPED, "no_email"), Ending(Outcome.DEAD, "rejected")],
)
def test_a_retracted_order_stays_so_whatever_becomes_of_its_later_entries(origin: Origin, ending: Ending) -> None:
    job = Job(7, 0, row(**RETRACTED), [entry(10, log_type=2, origin=origin)])
    assert not job.purchase
    after = final_row(job, ending, "T", NOW)
    assert (after.outcome, after.reason, after.purchase_due) == (Outcome.RETRACTED, "retracted", False)
    assert after.journal_offset == 10


@pytest.mark.parametrize("asking", [asked_for(11), entry(11, log_type=2, origin=Origin.REPLAY)])
def test_a_retracted_order_is_due_again_once_the_operator_asks_for_it(asking: Entry) -> None:
    job = Job(7, 0, row(**RETRACTED), [entry(10, log_type=2, origin=Origin.BACKFILL), asking])
    assert job.purchase
    assert intent_row(job, "T", NOW).outcome is Outcome.SENDING
    after = final_row(job, Ending(Outcome.SKIPPED, "no_email"), "T", NOW)
    assert (after.outcome, after.purchase_due) == (Outcome.SKIPPED, True)
