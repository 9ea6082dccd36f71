from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from clients import BackpressureError, Contact, ContactGone, EventGone, FatalError, PurchaseEvent, RejectedError
from clients import RetriableError as Retriable
from processor.decide.rules import Send
from processor.deliver.existing_purchase import Seen
from processor.deliver.lease import LeaseLost
from processor.deliver.requests import ask_of
from processor.deliver.state_machine import (
    Ending,
    Limits,
    Next,
    TooOld,
    after_contact,
    after_failure,
    after_intent,
    after_look,
    after_reply,
    begin,
)
from processor.job import Job, Step
from schemas.records import Origin, Outcome
from tests.processor.entries import entry, row

LIMITS = Limits(threads=4, attempts=3, create_timeout_seconds=10, settle_seconds=20, intent_seconds=10)
PURCHASE = PurchaseEvent("7", datetime(2026, 11, 1, tzinfo=UTC), "shop", Decimal("1.00"))
ABSENT = Seen(None, None, 0)


def a_job(before: dict[str, object] | None = None, log_type: int = 1) -> Job:
    job = Job(7, 0, row(**before) if before is not None else None, [entry(12, log_type=log_type)])
    job.send, job.fingerprint, job.contact_id = Send(Contact("a@example.com"), PURCHASE), "x.y", "c2"
    return job


def no_event(**over: object) -> dict[str, object]:
    return {"event_id": None, **over}


def fail(job: Job, step: Step, error: BaseException, counts: bool = True, now: float = 100.0) -> Next | Ending:
    return after_failure(job, step, error, counts, now, LIMITS, 1.0)


def test_a_fresh_purchase_is_intended_looked_for_and_created() -> None:
    job = a_job()
    assert begin(job) == Next(Step.UPSERT)
    assert after_contact(job) == Next(Step.INTEND)
    job.intended_at, job.intended_contact = 100.0, "c2"
    assert after_look(job, ABSENT, 101.0, LIMITS) == Next(Step.CREATE)


def test_an_order_vouches_for_the_writes_that_were_answered_on_its_last_way_alone() -> None:
    job = a_job()
    after_reply(job, Step.PRELOOK, False)
    assert job.answered == set()
    after_reply(job, Step.UPSERT, "c2")
    after_reply(job, Step.CREATE, "e1")
    assert job.answered == {Step.UPSERT, Step.CREATE}
    begin(job)
    assert job.answered == set()


def test_an_intent_of_somebody_else_is_waited_for_and_looked_at_before_an_intent_of_our_own() -> None:
    job = a_job(no_event(outcome=Outcome.SENDING, contact_id="c1"))
    job.settle_until = 130.0
    assert after_contact(job) == Next(Step.LOOK, 130.0)
    assert after_look(job, ABSENT, 131.0, LIMITS) == Next(Step.INTEND)


@pytest.mark.parametrize(("outcome", "reason"), [(Outcome.DEAD, "gave_up"), (Outcome.SKIPPED, "unconfirmed")])
def test_a_contact_of_an_earlier_try_is_looked_at_before_an_intent_names_another(outcome: Outcome, reason: str) -> None:
    job = a_job(no_event(outcome=outcome, reason=reason, contact_id="c1", purchase_due=True))
    assert after_contact(job) == Next(Step.LOOK)
    assert ask_of(job).intended == {"c1"}  # its card must be shown
    assert after_look(job, ABSENT, 1.0, LIMITS) == Next(Step.INTEND)
    job.row = row(**no_event(outcome=outcome, reason=reason, contact_id="c2", purchase_due=True))
    assert after_contact(job) == Next(Step.INTEND)


def test_a_slow_look_counts_for_the_intent_after_it_once_and_for_its_own_contact_alone() -> None:
    job = a_job()
    job.slow_look, job.looked_at = True, 112.0
    assert after_look(job, ABSENT, 112.0, LIMITS) == Next(Step.INTEND)
    assert after_intent(job, 113.0, LIMITS) == Next(Step.CREATE)
    assert after_intent(job, 113.0, LIMITS) == Next(Step.LOOK)
    for contact_id, now in (("c3", 113.0), ("c2", 118.0)):
        job.contact_id, job.absent_on = contact_id, "c2"
        assert after_intent(job, now, LIMITS) == Next(Step.LOOK)


def test_what_the_look_finds_is_adopted_and_never_updated() -> None:
    assert after_look(a_job(), Seen("e9", "c1", 1), 0.0, LIMITS) == Ending(Outcome.DELIVERED, "adopted", "e9", "c1")


def test_an_old_intent_proves_nothing_and_is_written_again() -> None:
    job = a_job()
    job.intended_at, job.intended_contact = 100.0, "c2"
    assert after_look(job, ABSENT, 110.5, LIMITS) == Next(Step.INTEND)


def test_an_intent_for_another_contact_is_written_again() -> None:
    job = a_job()
    job.intended_at, job.intended_contact = 100.0, "c1"
    assert after_look(job, ABSENT, 101.0, LIMITS) == Next(Step.INTEND)


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
    after = fail(a_job(), Step.CREATE, error)
    assert isinstance(after, Next)
    assert after.step is Step.LOOK
    assert (after.at >= 130.0) is waits


def test_a_lost_create_is_looked_for_even_when_its_attempts_are_used_up() -> None:
    job = a_job()
    job.attempts = 50
    after = fail(job, Step.CREATE, Retriable("no answer", api="S"))
    assert isinstance(after, Next)
    assert after.step is Step.LOOK
    end = after_look(job, ABSENT, 131.0, LIMITS)
    assert isinstance(end, Ending)
    assert end.reason == "gave_up"
    assert after_look(job, Seen("e1", "c2", 1), 131.0, LIMITS) == Ending(Outcome.DELIVERED, "adopted", "e1", "c2")


def test_failures_that_speak_against_the_api_never_end_an_order() -> None:
    job = a_job()
    for _ in range(500):
        after = fail(job, Step.UPSERT, Retriable("down", api="S"), counts=False)
        assert isinstance(after, Next)
        assert after.step is Step.UPSERT
    assert job.attempts == 0
    assert isinstance(after, Next)
    assert after.at <= 130.0


def test_attempts_are_capped() -> None:
    job = a_job()
    afters = [fail(job, Step.UPSERT, Retriable("down", api="S")) for _ in range(LIMITS.attempts)]
    assert all(isinstance(after, Next) for after in afters[:-1])
    assert isinstance(afters[-1], Ending)
    assert afters[-1].reason == "gave_up"


def test_a_refused_order_is_a_dead_letter_at_once() -> None:
    end = fail(a_job(), Step.UPSERT, RejectedError("no", api="S"))
    assert isinstance(end, Ending)
    assert (end.outcome, end.reason) == (Outcome.DEAD, "rejected")


def test_an_event_that_is_gone_is_a_dead_letter_and_never_a_new_event() -> None:
    job = a_job({"event_id": "e1", "fingerprint": "x.other"})
    assert after_contact(job) == Next(Step.UPDATE)
    end = fail(job, Step.UPDATE, EventGone("gone", api="S"))
    assert isinstance(end, Ending)
    assert (end.outcome, end.reason, end.event_id) == (Outcome.DEAD, "event_gone", "e1")


@pytest.mark.parametrize("reason", ["event_gone", "rejected", "gave_up"])
def test_an_order_that_failed_is_never_unchanged_however_alike_its_next_entry_is(reason: str) -> None:
    job = a_job({"event_id": "e1", "fingerprint": "c.p", "contact_id": "c1"})
    job.fingerprint = "c.p"
    assert begin(job) == Ending(Outcome.DELIVERED, "unchanged", "e1", "c1")
    job = a_job({"event_id": "e1", "fingerprint": "c.p", "contact_id": "c1", "outcome": Outcome.DEAD, "reason": reason})
    job.fingerprint = "c.p"
    assert begin(job) == Next(Step.UPSERT)
    assert after_contact(job) == Next(Step.UPDATE)


def test_a_contact_that_is_gone_is_written_again_a_few_times() -> None:
    job = a_job()
    afters = [fail(job, Step.CREATE, ContactGone("gone", api="S")) for _ in range(LIMITS.attempts)]
    assert [after.step for after in afters[:-1] if isinstance(after, Next)] == [Step.UPSERT] * (LIMITS.attempts - 1)
    assert isinstance(afters[-1], Ending)


def test_a_live_entry_that_joins_a_late_one_brings_the_fields_too() -> None:
    job = a_job()
    job.entries = [entry(12, log_type=1, origin=Origin.BACKFILL)]
    assert begin(job) == Next(Step.PRELOOK)
    assert after_reply(job, Step.PRELOOK, True) == Next(Step.UPSERT)
    assert job.keep_fields
    job.entries.append(entry(13, log_type=16))  # came while the job was held
    assert begin(job) == Next(Step.UPSERT)
    assert not job.keep_fields


def test_nothing_is_sent_when_nothing_changed() -> None:
    job = a_job({"fingerprint": "x.y"})
    assert begin(job) == Ending(Outcome.DELIVERED, "unchanged", "e1", "c1")
    job = a_job(no_event(fingerprint="x.", outcome=Outcome.DELIVERED), log_type=16)
    assert job.send is not None
    job.send = replace(job.send, purchase=None)
    assert begin(job) == Ending(Outcome.DELIVERED, "contact", None, "c1")
