"""What each step asks of SALESmanago: a call for a thread of the pool, with what is checked as its body is written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from clients import Contact, SalesManago
from processor.deliver.existing_purchase import Ask, has_newer_purchase, look
from processor.deliver.lease import Lease
from processor.deliver.state_machine import Limits, TooOld, may_lie_there
from processor.job import Job, Step

LOOK_AGE_SECONDS = 10.0

Call = Callable[[], Any]


class Calls:
    """Made on the main thread, which owns the jobs; each call holds all it needs of them."""

    def __init__(self, api: SalesManago, lease: Lease, limits: Limits, clock: Callable[[], float]) -> None:
        self._api, self._lease, self._limits, self._clock = api, lease, limits, clock

    def who(self) -> Call:
        """Whether our key is right."""
        return self._api.users

    def looks(self, jobs: Sequence[Job]) -> Call:
        """What the cards show of up to 50 orders."""
        return partial(look, self._api, [ask_of(job) for job in jobs])

    def of(self, job: Job) -> Call:
        """The call of a step that concerns one order: PRELOOK, UPSERT, CREATE or UPDATE."""
        send, step = job.send, job.step
        assert send is not None
        if step is Step.PRELOOK:
            date = send.purchase.date if send.purchase else datetime.now(UTC)
            return partial(has_newer_purchase, self._api, send.contact.email, job.order_id, date)
        if step is Step.UPSERT:
            contact = Contact(send.contact.email, tags=send.contact.tags) if job.keep_fields else send.contact
            return partial(self._api.upsert_contact, contact, before_write=self._lease.check)
        contact_id, event = job.contact_id, send.purchase
        assert contact_id is not None and event is not None
        if step is Step.CREATE:
            check = self._guard(job)
            return partial(self._api.add_event, contact_id, event, before_write=check)
        assert step is Step.UPDATE and job.event_id
        return partial(self._api.update_event, contact_id, job.event_id, event, before_write=self._lease.check)

    def _guard(self, job: Job) -> Callable[[], None]:
        """At the write of a create: the loop turns, the look is young, and so is the proof that the partition is ours.

        The intent's transaction is that proof: its offsets are refused once the group has given the partition away.
        """
        looked_at, intended_at = job.looked_at, job.intended_at
        assert intended_at is not None

        def check() -> None:
            self._lease.check()
            now = self._clock()
            if now - looked_at > LOOK_AGE_SECONDS or now - intended_at > self._limits.intent_seconds:
                raise TooOld

        return check


def ask_of(job: Job) -> Ask:
    """The look's question about an order whose contact is written."""
    assert job.send is not None and job.contact_id is not None
    row = job.row
    earlier = {row.contact_id} if row is not None and row.contact_id else set()
    intended = earlier if row is not None and may_lie_there(row) else set()
    if job.settle_until > 0 and job.intended_contact:
        intended = intended | {job.intended_contact}
    return Ask(job.order_id, job.send.contact.email, job.contact_id, frozenset(earlier), frozenset(intended))
