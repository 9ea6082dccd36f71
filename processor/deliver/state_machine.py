"""What follows what on an order's way to SALESmanago: wait if you must, look, intend, create. Pure.

    [PRELOOK] → UPSERT → [wait] → LOOK → INTEND → CREATE     no purchase is known
                       → UPDATE                              its event is known
One order of steps for everybody. The look comes first, after a wait where somebody's create may be alive: until it
shows no purchase, the row in Kafka keeps naming the contact on which that one would be. The intent proves that the
partition was still ours after the look. Both must be young at the create; where one is too old, its step is repeated.
"""

from dataclasses import dataclass

from clients import BackpressureError, ContactGone, EventGone, FatalError, RejectedError, RetriableError
from processor.deliver.attempt import Attempt, Step
from processor.deliver.existing_purchase import Seen
from processor.ending import Ending
from processor.errors import LeaseLost, TooOld
from runtime.settings import Settings
from schemas.records import Delivery, Outcome

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 30.0
YOUNG = 0.8  # of the age at which a create refuses a look or an intent: what remains is for its way to the socket


@dataclass(frozen=True, slots=True)
class Next:
    """The next step, not before a time on the loop's clock."""

    step: Step
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`settle_seconds` counts from the end of a create's time-out; `attempts` are failures that speak against an order.

    `intent_seconds`: how long an intent proves that this member owned the partition, and a look that there was no
    purchase; far below the time after which a successor looks.
    """

    threads: int
    attempts: int
    create_timeout_seconds: float
    settle_seconds: float
    intent_seconds: float = 10.0

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Return what the settings say."""
        return cls(
            settings.delivery_threads,
            settings.max_attempts,
            settings.create_timeout_seconds,
            settings.settle_seconds,
            intent_seconds=min(10.0, settings.session_timeout_ms / 2000),
        )

    @property
    def wait_seconds(self) -> float:
        """From the last instant a create could have been written until its event must be listed."""
        return self.create_timeout_seconds + self.settle_seconds

    @property
    def takeover_seconds(self) -> float:
        """The same for a partition that was taken over: an ex-owner that Kafka lost may write for that much longer."""
        return self.intent_seconds + self.wait_seconds


def begin(attempt: Attempt) -> Next | Ending:
    """The attempt holds its contact's lane."""
    attempt.keep_fields, attempt.answered = False, set()
    if attempt.job.late:
        return Next(Step.PRELOOK)
    if attempt.job.row is not None and _contact_known(attempt, attempt.job.row):
        attempt.contact_id = attempt.job.row.contact_id
        return after_contact(attempt)
    return Next(Step.UPSERT)


def after_contact(attempt: Attempt) -> Next | Ending:
    """The contact is written, or was so before."""
    send, row = attempt.send, attempt.job.row
    if send.purchase is None:
        return delivered(attempt, "contact", attempt.event_id, attempt.contact_id)
    if row is not None and row.event_id is not None:
        same = _same_purchase(attempt, row) and not attempt.job.forced and row.outcome is not Outcome.DEAD
        if not row.event_id or same:
            return delivered(attempt, "unchanged", row.event_id, row.contact_id)
        attempt.contact_id = row.contact_id or attempt.contact_id
        return Next(Step.UPDATE)
    return Next(Step.LOOK, attempt.settle_until)


def note_look(attempts: tuple[Attempt, ...], now: float, limits: Limits) -> None:
    """A look was answered. A heavy card takes its time: where nobody else waited, the look is as old as its answer."""
    for attempt in attempts:
        attempt.slow_look = now - attempt.looked_at > limits.intent_seconds / 2
        if len(attempts) == 1:
            attempt.looked_at = now


def after_look(attempt: Attempt, seen: Seen, now: float, limits: Limits) -> Next | Ending:
    """The cards were shown: adopt what is there; else create, on a young intent for this very contact."""
    if seen.event_id is not None:
        if attempt.job.forced and seen.event_id:
            attempt.known_event, attempt.contact_id = seen.event_id, seen.contact_id
            return Next(Step.UPDATE)
        return delivered(attempt, "adopted", seen.event_id, seen.contact_id)
    if attempt.attempts >= limits.attempts:
        return dead(attempt, "gave_up", None)
    young = attempt.intended_at is not None and now - attempt.intended_at <= YOUNG * limits.intent_seconds
    if attempt.intended_at is not None and not young:  # look and intent together take too long: the next look is alone
        attempt.slow_look = True
    return Next(Step.CREATE if young and attempt.intended_contact == attempt.contact_id else Step.INTEND)


def after_intent(attempt: Attempt, now: float, limits: Limits) -> Next:
    """The intent is in Kafka: create, unless the look has become too old meanwhile."""
    young = now - attempt.looked_at <= YOUNG * limits.intent_seconds
    return Next(Step.CREATE if young else Step.LOOK)


def after_reply(attempt: Attempt, step: Step, value: str | bool | None) -> Next | Ending:
    """A call that is no look brought what was asked for."""
    if step is Step.PRELOOK:
        attempt.keep_fields = bool(value)
        return Next(Step.UPSERT)
    attempt.answered.add(step)
    if step is Step.UPSERT:
        attempt.contact_id = str(value)
        return after_contact(attempt)
    if step is Step.CREATE:
        return delivered(attempt, "created", str(value), attempt.contact_id)
    assert step is Step.UPDATE
    return delivered(attempt, "updated", str(value) if value else attempt.event_id, attempt.contact_id)


def after_failure(
    attempt: Attempt, step: Step, error: BaseException, counts: bool, now: float, limits: Limits, jitter: float
) -> Next | Ending:
    """One failed call: what is safe next. `counts` = the failure speaks against this order; jitter 0.5 to 1."""
    sent_nothing = isinstance(error, FatalError | LeaseLost | TooOld)
    if counts:
        attempt.attempts += 1
    if not sent_nothing:
        attempt.failures += 1
    if isinstance(error, EventGone):
        return dead(attempt, "event_gone", error, attempt.event_id)
    again = Next(step)
    if isinstance(error, ContactGone) and step is not Step.UPDATE and attempt.attempts < limits.attempts:
        again = Next(Step.UPSERT)
    elif isinstance(error, RejectedError):
        return dead(attempt, "rejected", error, attempt.event_id)
    elif step is Step.CREATE:
        again = Next(Step.LOOK)  # always before another create
        if may_have_created(error):
            attempt.settle_until = now + limits.wait_seconds
    elif attempt.attempts >= limits.attempts:
        return dead(attempt, "gave_up", error, attempt.event_id)
    pause = 0.0
    if not sent_nothing and not isinstance(error, BackpressureError):
        pause = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(attempt.failures - 1, 10)) * jitter
    return Next(again.step, max(now + pause, attempt.settle_until if again.step is Step.LOOK else 0.0))


def delivered(attempt: Attempt, reason: str, event_id: str | None, contact_id: str | None) -> Ending:
    """What it asked for is in SALESmanago."""
    return _ending(attempt, Outcome.DELIVERED, reason, event_id, contact_id, None)


def dead(attempt: Attempt, reason: str, error: BaseException | None, event_id: str | None = None) -> Ending:
    """It can never succeed."""
    cause = error if isinstance(error, Exception) else None
    return _ending(attempt, Outcome.DEAD, reason, event_id, attempt.contact_id, cause)


def _ending(
    attempt: Attempt,
    outcome: Outcome,
    reason: str,
    event_id: str | None,
    contact_id: str | None,
    error: Exception | None,
) -> Ending:
    sent = outcome is Outcome.DELIVERED
    return Ending(
        attempt.job,
        outcome,
        reason,
        event_id if event_id is not None else attempt.event_id,
        contact_id or attempt.contact_id,
        error,
        attempts=attempt.attempts,
        fingerprint=attempt.fingerprint if sent else None,
        with_purchase=sent and attempt.send.purchase is not None,
        intended_contact=attempt.intended_contact,
        settle_until=attempt.settle_until,
        refused=attempt.refused_write,
        accepted=attempt.accepted_writes,
    )


def may_have_created(error: BaseException) -> bool:
    """Whether a create that ended like this may have taken effect, or still may."""
    if isinstance(error, RetriableError | BackpressureError):
        return error.may_have_applied
    return not isinstance(error, FatalError | LeaseLost | TooOld | RejectedError)


def _contact_known(attempt: Attempt, row: Delivery) -> bool:
    """The same contact was sent before, and no purchase has to be created on it."""
    if row.fingerprint is None or not row.contact_id:
        return False
    same = row.fingerprint.split(".")[0] == attempt.fingerprint.split(".")[0]
    dead_row = row.outcome is Outcome.DEAD  # its fingerprint is of what was sent before; what is there now is unknown
    no_create = attempt.send.purchase is None or row.event_id is not None
    return same and not dead_row and not attempt.job.forced and no_create


def _same_purchase(attempt: Attempt, row: Delivery) -> bool:
    return attempt.fingerprint.split(".")[-1] == (row.fingerprint or "").split(".")[-1]
