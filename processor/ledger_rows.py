"""The rows of the ledger, one per order: what an intent, an ending and an unreadable row say. Pure."""

from datetime import UTC, datetime

from processor.decide.rules import BY_SHOPS_CHOICE
from processor.ending import Ending
from processor.job import Job
from schemas.records import RETRACTED, Delivery, Outcome


def final_row(ending: Ending, topic_id: str, now: datetime) -> Delivery:
    """The row a finished job leaves: its offset never goes down, event id and a purchase still due are carried on.

    A retracted order stays so, whatever became of its contact, unless the operator asked for it.
    """
    job, row = ending.job, ending.job.row
    delivered = ending.outcome is Outcome.DELIVERED
    event_id = ending.event_id if ending.event_id is not None else (row.event_id if row is not None else None)
    contact_id = ending.contact_id or (row.contact_id if row is not None else None)
    if row is not None and row.event_id and row.event_id == event_id:
        contact_id = row.contact_id or contact_id  # with whom the purchase lies, also when the buyer was edited since
    if not delivered and ending.intended_contact is None and row is not None and row.contact_id and may_lie_there(row):
        contact_id = row.contact_id  # where a create of unknown fate may lie: the next one must look there
    due = job.purchase and not ending.with_purchase and ending.reason not in BY_SHOPS_CHOICE
    return Delivery(
        outcome=Outcome.RETRACTED if job.stays_retracted else ending.outcome,
        reason=RETRACTED if job.stays_retracted else ending.reason,
        purchase_due=due,
        journal_offset=max(_offset_before(job, topic_id), job.offset),
        journal_topic_id=topic_id,
        log_id=max(job.log_id, row.log_id if row is not None else 0),
        contact_id=contact_id,
        event_id=event_id,
        fingerprint=_fingerprint(ending),
        delivered_at=now,
    )


def intent_row(job: Job, contact_id: str, topic_id: str, now: datetime) -> Delivery:
    """The row that says: a purchase of this order may be created from now on. Its offset is not moved."""
    return Delivery(
        outcome=Outcome.SENDING,
        reason="",
        purchase_due=True,
        journal_offset=_offset_before(job, topic_id),
        journal_topic_id=topic_id,
        log_id=job.log_id,
        contact_id=contact_id,
        event_id=None,
        fingerprint=job.row.fingerprint if job.row is not None else None,
        delivered_at=now,
    )


def unreadable_row(log_id: int) -> Delivery:
    """What stands for a row that can't be read: the worst it may have said, an intent on a purchase still due."""
    return Delivery(
        outcome=Outcome.SENDING,
        reason="",
        purchase_due=True,
        journal_offset=-1,
        journal_topic_id="",
        log_id=log_id,
        contact_id=None,
        event_id=None,
        fingerprint=None,
        delivered_at=datetime.now(UTC),
    )


def may_lie_there(row: Delivery) -> bool:
    """Whether a create of unknown fate may have been for the row's contact: nobody has looked since.

    An order of which one was under way, and that was not to be sent any more when it was read again, was skipped, or
    failed for another reason.
    """
    unsent = row.outcome in {Outcome.SKIPPED, Outcome.DEAD} and row.purchase_due and not row.event_id
    return row.outcome is Outcome.SENDING or row.reason == "gave_up" or unsent


def _offset_before(job: Job, topic_id: str) -> int:
    row = job.row
    return row.journal_offset if row is not None and row.journal_topic_id == topic_id else -1


def _fingerprint(ending: Ending) -> str | None:
    """`contact.purchase`; a part that was not sent keeps what the row had."""
    row = ending.job.row
    old = (row.fingerprint if row is not None else None) or "."
    if ending.outcome is not Outcome.DELIVERED or ending.fingerprint is None:
        return old if old != "." else None
    contact, purchase = ending.fingerprint.split(".")
    return f"{contact}.{purchase or old.split('.')[-1]}"
