"""Which kinds of writes an order's answers vouch for, and which one it was refused."""

import pytest

from processor.deliver.attempt import Step
from processor.deliver.state_machine import after_reply, begin
from processor.ending import Write
from schemas.records import Delivery, Outcome
from tests.processor.deliver.attempts import an_attempt
from tests.processor.entries import row

KNOWN, NEW = row(), None


@pytest.mark.parametrize(
    ("failed_at", "before", "write"),
    [
        (Step.LANE, KNOWN, Write.NONE),
        (Step.PRELOOK, KNOWN, Write.KNOWN_CONTACT),
        (Step.UPSERT, KNOWN, Write.KNOWN_CONTACT),
        (Step.UPSERT, NEW, Write.NEW_CONTACT),
        (Step.LOOK, KNOWN, Write.PURCHASE),
        (Step.INTEND, KNOWN, Write.PURCHASE),
        (Step.CREATE, KNOWN, Write.PURCHASE),
        (Step.UPDATE, KNOWN, Write.UPDATE),
    ],
)
def test_an_order_is_refused_the_write_it_was_on_its_way_to(
    failed_at: Step, before: Delivery | None, write: Write
) -> None:
    assert an_attempt(before, step=failed_at).refused_write is write


@pytest.mark.parametrize(
    ("answered", "before", "vouched"),
    [
        (set(), KNOWN, set()),
        ({Step.UPSERT}, NEW, {Write.NONE, Write.NEW_CONTACT}),
        ({Step.UPSERT}, KNOWN, {Write.NONE, Write.KNOWN_CONTACT}),
        ({Step.UPDATE}, KNOWN, {Write.NONE, Write.UPDATE}),
        ({Step.CREATE}, KNOWN, {Write.NONE, Write.UPDATE, Write.PURCHASE}),
        ({Step.UPSERT, Step.CREATE}, NEW, {Write.NONE, Write.NEW_CONTACT, Write.UPDATE, Write.PURCHASE}),
    ],
)
def test_an_order_vouches_for_the_writes_that_were_answered_and_without_one_for_nothing(
    answered: set[Step], before: Delivery | None, vouched: set[Write]
) -> None:
    assert an_attempt(before, answered=answered).accepted_writes == vouched


def test_an_order_vouches_for_the_answers_since_it_got_its_lane_and_not_for_a_question_answered() -> None:
    attempt = an_attempt(contact_id=None)
    begin(attempt)
    after_reply(attempt, Step.PRELOOK, False)
    assert attempt.answered == set()
    after_reply(attempt, Step.UPSERT, "c2")
    after_reply(attempt, Step.CREATE, "e1")
    assert attempt.answered == {Step.UPSERT, Step.CREATE}
    begin(attempt)
    assert attempt.answered == set()


def test_an_intent_stays_where_a_create_may_be_alive_ours_or_somebody_elses() -> None:
    assert not an_attempt(intended_contact="c2").intent_stays
    assert an_attempt(settle_until=1.0).intent_stays
    assert an_attempt(row(outcome=Outcome.SENDING, event_id=None)).intent_stays
