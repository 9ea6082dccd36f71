"""What follows what on an order's way to SALESmanago: intend, wait if you must, look, create. Pure.

    PRELOOK → UPSERT → [wait → LOOK] → INTEND → LOOK → CREATE     no purchase is known
                     → UPDATE                                      its event is known
A job whose order had an intent when its partition came waits and looks before it writes an intent of its own: the
row in Kafka keeps naming the contact on which somebody's create may still be alive. One whose earlier try was for
another contact looks there first, too. Where a look takes so long that an intent is too old after it, the intent comes
right after the look.
"""

from dataclasses import dataclass

from clients import (
    BackpressureError,
    ContactGone,
    EventGone,
    FatalError,
    RejectedError,
    RetriableError,
)
from processor.deliver.existing_purchase import Seen
from processor.deliver.lease import LeaseLost
from processor.job import Job, Step
from schemas.records import Delivery, Outcome

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 30.0


class TooOld(Exception):
    """The look, or the intent, was made too long ago to create on it: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A job's outcome, for the recorder."""

    outcome: Outcome
    reason: str
    event_id: str | None = None
    contact_id: str | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """The next step, not before a time on the loop's clock."""

    step: Step
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`settle_seconds` counts from the end of a create's time-out; `attempts` are failures that speak against an order.

    `intent_seconds`: how long an intent proves that this member owned the partition; far below the time after which
    a successor looks.
    """

    threads: int
    attempts: int
    create_timeout_seconds: float
    settle_seconds: float
    intent_seconds: float = 10.0

    @property
    def wait_seconds(self) -> float:
        """From the last instant a create could have been written until its event must be listed."""
        return self.create_timeout_seconds + self.settle_seconds

    @property
    def takeover_seconds(self) -> float:
        """The same for a partition that was taken over: an ex-owner that Kafka lost may go on for that long."""
        return self.intent_seconds + self.wait_seconds


def begin(job: Job) -> Next | Ending:
    """The job holds its contact's lane."""
    job.absent_on, job.keep_fields, job.answered = None, False, set()
    if job.late:
        return Next(Step.PRELOOK)
    if job.row is not None and _contact_known(job):
        job.contact_id = job.row.contact_id
        return after_contact(job)
    return Next(Step.UPSERT)


def after_contact(job: Job) -> Next | Ending:
    """The contact is written, or was so before."""
    send, row = job.send, job.row
    assert send is not None
    if send.purchase is None:
        return Ending(Outcome.DELIVERED, "contact", job.event_id, job.contact_id)
    if row is not None and row.event_id is not None:
        if not row.event_id or (_same_purchase(job) and not job.forced and row.outcome is not Outcome.DEAD):
            return Ending(Outcome.DELIVERED, "unchanged", row.event_id, row.contact_id)
        job.contact_id = row.contact_id or job.contact_id
        return Next(Step.UPDATE)
    if job.uncertain or job.intended_at is not None or job.settle_until > 0 or _tried_with_another(job):
        return Next(Step.LOOK, job.settle_until)
    return Next(Step.INTEND)


def note_look(jobs: tuple[Job, ...], now: float, limits: Limits) -> None:
    """A look was answered. A heavy card takes its time: where nobody else waited, the look is as old as its answer."""
    for job in jobs:
        job.slow_look = now - job.looked_at > limits.intent_seconds / 2
        if len(jobs) == 1:
            job.looked_at = now


def after_look(job: Job, seen: Seen, now: float, limits: Limits) -> Next | Ending:
    """The cards were shown: adopt what is there; else create, on a fresh intent for this very contact."""
    if seen.event_id is not None:
        if job.forced and seen.event_id:
            job.known_event, job.contact_id = seen.event_id, seen.contact_id
            return Next(Step.UPDATE)
        return Ending(Outcome.DELIVERED, "adopted", seen.event_id, seen.contact_id)
    if job.attempts >= limits.attempts:
        return Ending(Outcome.DEAD, "gave_up", None, job.contact_id)
    fresh = job.intended_at is not None and now - job.intended_at <= limits.intent_seconds
    if not fresh or job.intended_contact != job.contact_id:
        job.absent_on = job.contact_id if job.slow_look else None
        return Next(Step.INTEND)
    return Next(Step.CREATE)


def after_intent(job: Job, now: float, limits: Limits) -> Next:
    """The intent is in Kafka: look, unless the look that led here is young and another one would outlast the intent."""
    absent_on, job.absent_on = job.absent_on, None
    if absent_on is not None and absent_on == job.contact_id and now - job.looked_at <= limits.intent_seconds / 2:
        return Next(Step.CREATE)
    return Next(Step.LOOK, job.settle_until)


def after_reply(job: Job, step: Step, value: str | bool | None) -> Next | Ending:
    """A call that is no look brought what was asked for."""
    if step is Step.PRELOOK:
        job.keep_fields = bool(value)
        return Next(Step.UPSERT)
    job.answered.add(step)
    if step is Step.UPSERT:
        job.contact_id = str(value)
        return after_contact(job)
    if step is Step.CREATE:
        return Ending(Outcome.DELIVERED, "created", str(value), job.contact_id)
    assert step is Step.UPDATE
    return Ending(Outcome.DELIVERED, "updated", str(value) if value else job.event_id, job.contact_id)


def after_failure(
    job: Job, step: Step, error: BaseException, counts: bool, now: float, limits: Limits, jitter: float
) -> Next | Ending:
    """One failed call: what is safe next. `counts` = the failure speaks against this order; jitter 0.5 to 1."""
    sent_nothing = isinstance(error, FatalError | LeaseLost | TooOld)
    if counts:
        job.attempts += 1
    if not sent_nothing:
        job.failures += 1
    if isinstance(error, EventGone):
        return Ending(Outcome.DEAD, "event_gone", job.event_id, job.contact_id, error)
    again = Next(step)
    if isinstance(error, ContactGone) and step is not Step.UPDATE and job.attempts < limits.attempts:
        again = Next(Step.UPSERT)
    elif isinstance(error, RejectedError):
        return Ending(Outcome.DEAD, "rejected", job.event_id, job.contact_id, error)
    elif step is Step.CREATE:
        again = Next(Step.LOOK)  # always before another create
        if may_have_created(error):
            job.settle_until = now + limits.wait_seconds
    elif job.attempts >= limits.attempts:
        wrapped = error if isinstance(error, Exception) else None
        return Ending(Outcome.DEAD, "gave_up", job.event_id, job.contact_id, wrapped)
    pause = 0.0
    if not sent_nothing and not isinstance(error, BackpressureError):
        pause = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(job.failures - 1, 10)) * jitter
    return Next(again.step, max(now + pause, job.settle_until if again.step is Step.LOOK else 0.0))


def held_until(job: Job, ending: Ending) -> float:
    """When an ending may be recorded: an order that is not sent after all keeps its intent while a create may be alive.

    Its row would say that nobody has to wait any more, and the next entry would look too early.
    """
    return 0.0 if ending.outcome is Outcome.DELIVERED else job.settle_until


def may_have_created(error: BaseException) -> bool:
    """Whether a create that ended like this may have taken effect, or still may."""
    if isinstance(error, RetriableError | BackpressureError):
        return error.may_have_applied
    return not isinstance(error, FatalError | LeaseLost | TooOld | RejectedError)


def may_lie_there(row: Delivery) -> bool:
    """Whether a create of unknown fate may have been for the row's contact: nobody has looked since.

    An order of which one was under way, and that was not to be sent any more when it was read again, was skipped, or
    failed for another reason.
    """
    unsent = row.outcome in {Outcome.SKIPPED, Outcome.DEAD} and row.purchase_due and not row.event_id
    return row.outcome is Outcome.SENDING or row.reason == "gave_up" or unsent


def _contact_known(job: Job) -> bool:
    """The same contact was sent before, and no purchase has to be created on it."""
    row, send = job.row, job.send
    if row is None or send is None or row.fingerprint is None or job.fingerprint is None or not row.contact_id:
        return False
    same = row.fingerprint.split(".")[0] == job.fingerprint.split(".")[0]
    dead = row.outcome is Outcome.DEAD  # its fingerprint is of what was sent before, and what is there now is not known
    return same and not dead and not job.forced and (send.purchase is None or row.event_id is not None)


def _tried_with_another(job: Job) -> bool:
    """An earlier try was for another contact: our intent's row would take its name out of Kafka, so look there first.

    Its purchase may be there (a create of unknown fate, given up), and whoever takes over asks only whom the row names.
    """
    row = job.row
    return row is not None and bool(row.contact_id) and row.contact_id != job.contact_id


def _same_purchase(job: Job) -> bool:
    was = job.row.fingerprint if job.row is not None else None
    return (job.fingerprint or "").split(".")[-1] == (was or "").split(".")[-1]
