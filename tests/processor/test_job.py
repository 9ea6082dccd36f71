"""An order's entries on their way: what is due, who asked for it, and for which offset it answers."""

from dataclasses import replace

import pytest

from processor.job import Entry
from schemas.records import ASKED_FOR, Delivery, Origin, Outcome
from tests.processor.deliver.attempts import a_job
from tests.processor.entries import entry, row

REPLAYED = replace(entry(3), replayed=True)
REPLAY, BACKFILL, EDIT = entry(4, origin=Origin.REPLAY), entry(5, origin=Origin.BACKFILL), entry(6, log_type=16)
ASKED = replace(BACKFILL, raw=replace(BACKFILL.raw, headers=((ASKED_FOR, b"1"),)))
RETRACTED = row(outcome=Outcome.RETRACTED, event_id=None)


@pytest.mark.parametrize(
    ("one", "forced", "asked_for", "late"),
    [
        (EDIT, False, False, False),
        (REPLAYED, True, True, True),
        (REPLAY, True, True, True),
        (BACKFILL, False, False, True),
        (ASKED, False, True, True),
    ],
)
def test_an_entry_says_who_asked_for_the_order(one: Entry, forced: bool, asked_for: bool, late: bool) -> None:
    assert (one.forced, one.asked_for, one.late) == (forced, asked_for, late)


@pytest.mark.parametrize(
    ("before", "log_types", "due"),
    [
        (None, [1], True),
        (None, [2], True),
        (None, [11, 16], False),
        (None, [16, 1, 16], True),
        (row(purchase_due=True), [16], True),  # it stays due through an edit
        (row(), [16], False),
        (RETRACTED, [1], False),
    ],
)
def test_a_purchase_is_due_by_an_entry_or_by_an_earlier_one(
    before: Delivery | None, log_types: list[int], due: bool
) -> None:
    job = a_job(7, before, *(entry(20 + at, log_type=kind) for at, kind in enumerate(log_types)))
    assert job.purchase is due


def test_a_retracted_purchase_is_due_again_only_when_the_operator_asks_for_it() -> None:
    assert a_job(7, RETRACTED, entry(12, log_type=1)).stays_retracted
    for asking in (REPLAY, replace(ASKED, record=replace(ASKED.record, log_type=2))):
        assert not a_job(7, RETRACTED, entry(12, log_type=1), asking).stays_retracted


def test_one_live_entry_brings_the_contacts_fields_and_one_replay_forces_the_order() -> None:
    assert a_job(7, None, BACKFILL, REPLAY).late
    assert not a_job(7, None, BACKFILL, EDIT).late
    assert a_job(7, None, EDIT, REPLAY).forced
    assert not a_job(7, None, EDIT, BACKFILL).forced


def test_it_answers_for_its_newest_offset_and_log_id() -> None:
    job = a_job(7, None, entry(12), entry(15), entry(13))
    assert (job.offset, job.log_id) == (15, 115)
    assert job.log_fields == {"order_id": 7, "log_id": 115, "partition": 0, "offset": 15}


def test_it_waits_since_its_oldest_entry_and_what_is_replayed_had_its_outcome_before() -> None:
    def written(one: Entry, at: float) -> Entry:
        return replace(one, raw=replace(one.raw, written_at=at))

    assert a_job(7, None, written(EDIT, 20.0), written(REPLAY, 10.0)).waiting_since == 10.0
    assert a_job(7, None, written(EDIT, 20.0), written(REPLAYED, 10.0)).waiting_since == 20.0
    assert a_job(7, None, REPLAYED).waiting_since is None


def test_an_order_is_uncertain_while_its_row_is_an_intent() -> None:
    assert a_job(7, row(outcome=Outcome.SENDING, event_id=None)).uncertain
    assert not a_job(7, row()).uncertain
    assert not a_job(7, None).uncertain
