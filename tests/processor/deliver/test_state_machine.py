"""What follows what on an order's way to SALESmanago."""

from dataclasses import replace

import pytest

from clients import BackpressureError, ContactGone, EventGone, FatalError, RejectedError
from clients import RetriableError as Retriable
from processor.deliver.attempt import Attempt, Step
from processor.deliver.existing_purchase import Seen
from processor.deliver.requests import ask_of
from processor.deliver.state_machine import (
    Limits,
    Next,
    after_contact,
    after_failure,
    after_intent,
    after_look,
    after_reply,
    begin,
    note_look,
)
from processor.ending import Ending
from processor.errors import LeaseLost, TooOld
from schemas.records import Delivery, Origin, Outcome
from tests.processor.deliver.attempts import an_attempt
from tests.processor.entries import entry, row

LIMITS = Limits(threads=4, attempts=3, create_timeout_seconds=10, settle_seconds=20, intent_seconds=10)
ABSENT = Seen(None, None, 0)


def no_event(**over: object) -> Delivery:
    return row(event_id=None, **over)


def intended(at: float, contact_id: str = "c2", looked_at: float = 100.0) -> Attempt:
    return an_attempt(intended_at=at, intended_contact=contact_id, looked_at=looked_at)


def fail(attempt: Attempt, step: Step, error: BaseException, counts: bool = True, now: float = 100.0) -> Next | Ending:
    return after_failure(attempt, step, error, counts, now, LIMITS, 1.0)


def ended(after: Next | Ending) -> tuple[Outcome, str, str | None, str | None]:
    assert isinstance(after, Ending)
    return after.outcome, after.reason, after.event_id, after.contact_id


def test_a_fresh_purchase_is_looked_for_intended_and_created_in_this_order() -> None:
    attempt = an_attempt(contact_id=None)
    assert begin(attempt) == Next(Step.UPSERT)
    assert after_reply(attempt, Step.UPSERT, "c2") == Next(Step.LOOK)
    attempt.looked_at = 100.0
    assert after_look(attempt, ABSENT, 101.0, LIMITS) == Next(Step.INTEND)
    attempt.intended_at, attempt.intended_contact = 101.0, "c2"
    assert after_intent(attempt, 102.0, LIMITS) == Next(Step.CREATE)
    assert ended(after_reply(attempt, Step.CREATE, "e1")) == (Outcome.DELIVERED, "created", "e1", "c2")


@pytest.mark.parametrize(
    "before",
    [
        None,
        no_event(contact_id=None),
        no_event(outcome=Outcome.SENDING, contact_id="c1"),
        no_event(outcome=Outcome.SENDING, contact_id="c2"),
        no_event(outcome=Outcome.DEAD, reason="gave_up", contact_id="c1", purchase_due=True),
        no_event(outcome=Outcome.SKIPPED, reason="unconfirmed", contact_id="c1", purchase_due=True),
    ],
)
def test_no_order_is_intended_before_it_was_looked_for(before: Delivery | None) -> None:
    attempt = an_attempt(before)
    assert after_contact(attempt) == Next(Step.LOOK)
    assert after_look(attempt, ABSENT, 1.0, LIMITS) == Next(Step.INTEND)


def test_an_intent_of_somebody_else_is_waited_for_and_looked_at_before_an_intent_of_our_own() -> None:
    attempt = an_attempt(no_event(outcome=Outcome.SENDING, contact_id="c1"), settle_until=130.0)
    assert after_contact(attempt) == Next(Step.LOOK, 130.0)
    assert ask_of(attempt).intended == {"c1"}  # its card must be shown
    assert after_look(attempt, ABSENT, 131.0, LIMITS) == Next(Step.INTEND)


@pytest.mark.parametrize(("outcome", "reason"), [(Outcome.DEAD, "gave_up"), (Outcome.SKIPPED, "unconfirmed")])
def test_a_contact_of_an_earlier_try_is_looked_at_before_an_intent_names_another(outcome: Outcome, reason: str) -> None:
    attempt = an_attempt(no_event(outcome=outcome, reason=reason, contact_id="c1", purchase_due=True))
    assert after_contact(attempt) == Next(Step.LOOK)
    assert ask_of(attempt).intended == {"c1"}


def test_an_intent_that_came_long_after_the_look_is_followed_by_another_look_and_still_counts_then() -> None:
    attempt = intended(at=107.0, looked_at=98.0)
    assert after_intent(attempt, 108.0, LIMITS) == Next(Step.LOOK)
    attempt.looked_at = 108.0
    assert after_look(attempt, ABSENT, 109.0, LIMITS) == Next(Step.CREATE)


def test_a_look_with_others_is_as_old_as_its_question_and_one_alone_as_its_answer() -> None:
    one, other = an_attempt(looked_at=100.0), an_attempt(looked_at=100.0)
    note_look((one, other), 109.0, LIMITS)
    assert (one.looked_at, one.slow_look, other.slow_look) == (100.0, True, True)
    note_look((one,), 109.0, LIMITS)
    assert (one.looked_at, one.slow_look) == (109.0, True)
    quick = an_attempt(looked_at=100.0)
    note_look((quick, other), 101.0, LIMITS)
    assert not quick.slow_look


def test_what_the_look_finds_is_adopted_and_never_updated() -> None:
    assert ended(after_look(an_attempt(), Seen("e9", "c1", 1), 0.0, LIMITS)) == (
        Outcome.DELIVERED, "adopted", "e9", "c1",
    )  # fmt: skip


def test_what_the_look_finds_is_updated_where_a_replay_asks_for_the_order() -> None:
    attempt = an_attempt(None, entry(12, log_type=1, origin=Origin.REPLAY))
    assert after_look(attempt, Seen("e9", "c1", 1), 0.0, LIMITS) == Next(Step.UPDATE)
    assert (attempt.event_id, attempt.contact_id) == ("e9", "c1")
    assert ended(after_reply(attempt, Step.UPDATE, None)) == (Outcome.DELIVERED, "updated", "e9", "c1")


def test_an_old_intent_proves_nothing_and_is_written_again() -> None:
    assert after_look(intended(at=100.0), ABSENT, 110.5, LIMITS) == Next(Step.INTEND)
    assert after_look(intended(at=100.0), ABSENT, 107.5, LIMITS) == Next(Step.CREATE)


def test_where_look_and_intent_together_take_too_long_the_next_look_is_asked_alone() -> None:
    attempt = intended(at=100.0)
    after_look(attempt, ABSENT, 107.0, LIMITS)
    assert not attempt.slow_look
    after_look(attempt, ABSENT, 109.0, LIMITS)
    assert attempt.slow_look


def test_an_intent_for_another_contact_is_written_again() -> None:
    assert after_look(intended(at=100.0, contact_id="c1"), ABSENT, 101.0, LIMITS) == Next(Step.INTEND)


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (Retriable("no answer", api="S", may_have_applied=True), True),
        (Retriable("not sent", api="S", may_have_applied=False), False),
        (BackpressureError("429", api="S", may_have_applied=True), True),
        (BackpressureError("nobody listens", api="S"), False),
        (FatalError("wrong key", api="S"), False),
        (LeaseLost(), False),
        (TooOld(), False),
        (OSError("what is this"), True),
    ],
)
def test_after_a_create_of_unknown_fate_the_wait_is_kept_before_the_look(error: BaseException, waits: bool) -> None:
    attempt = intended(at=99.0)
    after = fail(attempt, Step.CREATE, error)
    assert isinstance(after, Next)
    assert after.step is Step.LOOK
    assert (after.at >= 130.0) is waits
    assert attempt.intent_stays is waits


def test_a_create_that_came_too_late_is_repeated_from_the_look_at_once_and_costs_nothing() -> None:
    attempt = intended(at=90.0)
    assert fail(attempt, Step.CREATE, TooOld(), counts=False) == Next(Step.LOOK, 100.0)
    assert (attempt.attempts, attempt.failures) == (0, 0)
    assert after_look(attempt, ABSENT, 101.0, LIMITS) == Next(Step.INTEND)


def test_a_lost_create_is_looked_for_even_when_its_attempts_are_used_up() -> None:
    attempt = an_attempt(attempts=50)
    after = fail(attempt, Step.CREATE, Retriable("no answer", api="S"))
    assert isinstance(after, Next)
    assert after.step is Step.LOOK
    assert ended(after_look(attempt, ABSENT, 131.0, LIMITS))[:2] == (Outcome.DEAD, "gave_up")
    assert ended(after_look(attempt, Seen("e1", "c2", 1), 131.0, LIMITS)) == (
        Outcome.DELIVERED, "adopted", "e1", "c2",
    )  # fmt: skip


def test_failures_that_speak_against_the_api_never_end_an_order() -> None:
    attempt = an_attempt()
    for _ in range(500):
        after = fail(attempt, Step.UPSERT, Retriable("down", api="S"), counts=False)
        assert isinstance(after, Next)
        assert after.step is Step.UPSERT
    assert attempt.attempts == 0
    assert isinstance(after, Next)
    assert after.at <= 130.0


def test_attempts_are_capped() -> None:
    attempt = an_attempt()
    afters = [fail(attempt, Step.UPSERT, Retriable("down", api="S")) for _ in range(LIMITS.attempts)]
    assert all(isinstance(after, Next) for after in afters[:-1])
    assert ended(afters[-1])[:2] == (Outcome.DEAD, "gave_up")


def test_a_refused_order_is_a_dead_letter_at_once() -> None:
    assert ended(fail(an_attempt(), Step.UPSERT, RejectedError("no", api="S")))[:2] == (Outcome.DEAD, "rejected")


def test_an_event_that_is_gone_is_a_dead_letter_and_never_a_new_event() -> None:
    attempt = an_attempt(row(fingerprint="x.other"))
    assert after_contact(attempt) == Next(Step.UPDATE)
    assert ended(fail(attempt, Step.UPDATE, EventGone("gone", api="S")))[:3] == (Outcome.DEAD, "event_gone", "e1")


@pytest.mark.parametrize("reason", ["event_gone", "rejected", "gave_up"])
def test_an_order_that_failed_is_never_unchanged_however_alike_its_next_entry_is(reason: str) -> None:
    before = row(fingerprint="c.p")
    assert ended(begin(an_attempt(before, fingerprint="c.p"))) == (Outcome.DELIVERED, "unchanged", "e1", "c1")
    attempt = an_attempt(replace(before, outcome=Outcome.DEAD, reason=reason), fingerprint="c.p")
    assert begin(attempt) == Next(Step.UPSERT)
    assert after_contact(attempt) == Next(Step.UPDATE)


def test_a_contact_that_is_gone_is_written_again_a_few_times() -> None:
    attempt = an_attempt()
    afters = [fail(attempt, Step.CREATE, ContactGone("gone", api="S")) for _ in range(LIMITS.attempts)]
    assert [after.step for after in afters[:-1] if isinstance(after, Next)] == [Step.UPSERT] * (LIMITS.attempts - 1)
    assert isinstance(afters[-1], Ending)


def test_an_order_that_comes_late_keeps_a_contacts_newer_fields_and_a_live_entry_with_it_brings_them() -> None:
    late = entry(12, log_type=1, origin=Origin.BACKFILL)
    attempt = an_attempt(None, late)
    assert begin(attempt) == Next(Step.PRELOOK)
    assert after_reply(attempt, Step.PRELOOK, True) == Next(Step.UPSERT)
    assert attempt.keep_fields
    joined = an_attempt(None, late, entry(13, log_type=16))
    assert begin(joined) == Next(Step.UPSERT)
    assert not joined.keep_fields


def test_nothing_is_sent_when_nothing_changed() -> None:
    assert ended(begin(an_attempt(row(fingerprint="x.y")))) == (Outcome.DELIVERED, "unchanged", "e1", "c1")
    attempt = an_attempt(no_event(fingerprint="x."), entry(12, log_type=16))
    attempt.send = replace(attempt.send, purchase=None)
    assert ended(begin(attempt)) == (Outcome.DELIVERED, "contact", None, "c1")


def test_an_ending_says_what_was_sent_and_what_may_still_be_under_way() -> None:
    attempt = intended(at=100.0)
    attempt.attempts, attempt.settle_until = 3, 130.0
    attempt.step = Step.LOOK
    dead = after_look(attempt, ABSENT, 131.0, LIMITS)
    assert isinstance(dead, Ending)
    assert (dead.fingerprint, dead.with_purchase, dead.attempts) == (None, False, 3)
    assert (dead.intended_contact, dead.not_before) == ("c2", 130.0)
    created = after_reply(attempt, Step.CREATE, "e1")
    assert isinstance(created, Ending)
    assert (created.fingerprint, created.with_purchase, created.not_before) == ("x.y", True, 0.0)


def test_a_successor_waits_longer_than_an_owner_that_kafka_lost_can_write() -> None:
    assert LIMITS.takeover_seconds >= LIMITS.intent_seconds + LIMITS.create_timeout_seconds + LIMITS.settle_seconds
