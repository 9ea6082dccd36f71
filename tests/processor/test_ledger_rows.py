"""The row of an outcome, of an intent, and of a row that can't be read."""

from dataclasses import replace

import pytest

from processor.ending import Ending
from processor.job import Entry, Job
from processor.ledger_rows import final_row, intent_row, may_lie_there, unreadable_row
from schemas.records import ASKED_FOR, Delivery, Origin, Outcome
from tests.processor.deliver.attempts import a_job
from tests.processor.entries import NOW, entry, row


def job(before: Delivery | None, log_type: int = 1, offset: int = 12) -> Job:
    return a_job(7, before, entry(offset, log_type=log_type))


def skipped(job: Job, reason: str = "no_email") -> Delivery:
    return final_row(Ending(job, Outcome.SKIPPED, reason), "T", NOW)


def test_a_row_keeps_naming_the_contact_that_has_the_purchase_when_the_buyer_is_edited() -> None:
    edited = job(row(event_id="e1", contact_id="c1"), log_type=16)
    after = final_row(Ending(edited, Outcome.DELIVERED, "contact", "e1", "c2"), "id", NOW)
    assert (after.event_id, after.contact_id) == ("e1", "c1")
    created = job(row(event_id=None, contact_id="c1"))
    after = final_row(Ending(created, Outcome.DELIVERED, "created", "e2", "c2", with_purchase=True), "id", NOW)
    assert (after.event_id, after.contact_id, after.purchase_due) == ("e2", "c2", False)


def test_a_row_never_goes_back_and_carries_its_event_on() -> None:
    after = skipped(job(row(journal_offset=20, log_id=400), 16))
    assert (after.journal_offset, after.log_id, after.event_id, after.contact_id) == (20, 400, "e1", "c1")


def test_a_row_answers_for_all_entries_of_its_job() -> None:
    after = skipped(a_job(7, None, entry(12), entry(15), entry(13)))
    assert (after.journal_offset, after.log_id) == (15, 115)


def test_another_topic_starts_its_own_count() -> None:
    ending = Ending(job(row(journal_offset=20)), Outcome.SKIPPED, "no_email")
    after = final_row(ending, "NEW", NOW)
    assert (after.journal_offset, after.journal_topic_id) == (12, "NEW")


@pytest.mark.parametrize(("reason", "due"), [("no_email", True), ("unconfirmed", True), ("shop_order", False)])
def test_a_purchase_that_could_not_be_sent_stays_due_unless_the_shop_chose_so(reason: str, due: bool) -> None:
    assert skipped(job(None), reason).purchase_due is due


def test_a_dead_purchase_stays_due() -> None:
    assert final_row(Ending(job(None), Outcome.DEAD, "rejected"), "T", NOW).purchase_due


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        (None, "x.y", "x.y"),
        ("a.b", "x.y", "x.y"),
        ("a.b", "x.", "x.b"),  # the contact alone was sent
        (None, "x.", "x."),
        ("a.b", None, "a.b"),
        (None, None, None),
    ],
)
def test_a_fingerprint_keeps_the_part_that_was_not_sent(
    before: str | None, sent: str | None, after: str | None
) -> None:
    ending = Ending(job(row(fingerprint=before)), Outcome.DELIVERED, "contact", fingerprint=sent)
    assert final_row(ending, "T", NOW).fingerprint == after


def test_what_failed_leaves_the_fingerprint_of_what_was_sent_before() -> None:
    ending = Ending(job(row(fingerprint="a.b")), Outcome.DEAD, "rejected", fingerprint="x.y")
    assert final_row(ending, "T", NOW).fingerprint == "a.b"


def test_an_intent_moves_no_offset() -> None:
    assert intent_row(job(row(journal_offset=3)), "c9", "T", NOW).journal_offset == 3
    assert intent_row(job(row(journal_offset=3)), "c9", "NEW", NOW).journal_offset == -1
    intent = intent_row(job(None), "c9", "T", NOW)
    assert (intent.journal_offset, intent.outcome, intent.contact_id) == (-1, Outcome.SENDING, "c9")
    assert (intent.purchase_due, intent.event_id) == (True, None)


RETRACTED = {"outcome": Outcome.RETRACTED, "reason": "retracted", "event_id": None, "fingerprint": None}


def asked_for(offset: int) -> Entry:
    plain = entry(offset, log_type=2, origin=Origin.BACKFILL)
    return replace(plain, raw=replace(plain.raw, headers=((ASKED_FOR, b"1"),)))


@pytest.mark.parametrize("origin", [Origin.JOURNAL, Origin.BACKFILL])
@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(Outcome.DELIVERED, "contact"), (Outcome.SKIPPED, "no_email"), (Outcome.DEAD, "rejected")],
)
def test_a_retracted_order_stays_so_whatever_becomes_of_its_later_entries(
    origin: Origin, outcome: Outcome, reason: str
) -> None:
    later = a_job(7, row(**RETRACTED), entry(10, log_type=2, origin=origin))
    assert not later.purchase
    after = final_row(Ending(later, outcome, reason), "T", NOW)
    assert (after.outcome, after.reason, after.purchase_due) == (Outcome.RETRACTED, "retracted", False)
    assert after.journal_offset == 10


@pytest.mark.parametrize("asking", [asked_for(11), entry(11, log_type=2, origin=Origin.REPLAY)])
def test_a_retracted_order_is_due_again_once_the_operator_asks_for_it(asking: Entry) -> None:
    again = a_job(7, row(**RETRACTED), entry(10, log_type=2, origin=Origin.BACKFILL), asking)
    assert again.purchase
    assert intent_row(again, "c1", "T", NOW).outcome is Outcome.SENDING
    after = skipped(again)
    assert (after.outcome, after.purchase_due) == (Outcome.SKIPPED, True)


def test_a_row_that_can_not_be_read_is_taken_for_an_intent_on_a_purchase_still_due() -> None:
    worst = unreadable_row(105)
    assert (worst.outcome, worst.purchase_due, worst.journal_offset, worst.event_id) == (
        Outcome.SENDING,
        True,
        -1,
        None,
    )
    assert may_lie_there(worst)
    assert job(worst, log_type=16).purchase


@pytest.mark.parametrize(
    ("before", "lies"),
    [
        (row(outcome=Outcome.SENDING, event_id=None), True),
        (row(outcome=Outcome.DEAD, reason="gave_up", event_id=None), True),
        (row(outcome=Outcome.DEAD, reason="rejected", event_id=None, purchase_due=True), True),
        (row(outcome=Outcome.SKIPPED, reason="unconfirmed", event_id=None, purchase_due=True), True),
        (row(outcome=Outcome.DEAD, reason="event_gone", purchase_due=True), False),
        (row(outcome=Outcome.SKIPPED, reason="shop_order", event_id=None), False),
        (row(event_id=None), False),
        (row(), False),
    ],
)
def test_a_create_may_lie_on_the_rows_contact_where_nobody_has_looked_since(before: Delivery, lies: bool) -> None:
    assert may_lie_there(before) is lies
