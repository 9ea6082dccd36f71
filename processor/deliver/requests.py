"""What each step asks of SALESmanago: a call for a thread of the pool, with what is checked as its body is written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from clients import Contact, SalesManago
from processor.deliver.attempt import Attempt, Step
from processor.deliver.existing_purchase import Ask, has_newer_purchase, look
from processor.deliver.lease import Lease
from processor.deliver.state_machine import Limits
from processor.errors import TooOld
from processor.ledger_rows import may_lie_there

LOOK_AGE_SECONDS = 10.0

Call = Callable[[], Any]


class Requests:
    """Made on the main thread, which owns the attempts; each call holds all it needs of them."""

    def __init__(self, api: SalesManago, lease: Lease, limits: Limits, clock: Callable[[], float]) -> None:
        self._api, self._lease, self._limits, self._clock = api, lease, limits, clock

    def who(self) -> Call:
        """Whether our key is right."""
        return self._api.users

    def looks(self, attempts: Sequence[Attempt]) -> Call:
        """What the cards show of up to 50 orders."""
        return partial(look, self._api, [ask_of(attempt) for attempt in attempts])

    def of(self, attempt: Attempt) -> Call:
        """The call of a step that concerns one order: PRELOOK, UPSERT, CREATE or UPDATE."""
        send, step = attempt.send, attempt.step
        if step is Step.PRELOOK:
            date = send.purchase.date if send.purchase else datetime.now(UTC)
            return partial(has_newer_purchase, self._api, send.contact.email, attempt.job.order_id, date)
        if step is Step.UPSERT:
            contact = Contact(send.contact.email, tags=send.contact.tags) if attempt.keep_fields else send.contact
            return partial(self._api.upsert_contact, contact, before_write=self._lease.check)
        contact_id, event = attempt.contact_id, send.purchase
        assert contact_id is not None and event is not None
        if step is Step.CREATE:
            check = self._guard(attempt)
            return partial(self._api.add_event, contact_id, event, before_write=check)
        assert step is Step.UPDATE and attempt.event_id
        return partial(self._api.update_event, contact_id, attempt.event_id, event, before_write=self._lease.check)

    def _guard(self, attempt: Attempt) -> Callable[[], None]:
        """At the write of a create: the loop turns, the look is young, and so is the proof that the partition is ours.

        The intent's transaction is that proof: its offsets are refused once the group has given the partition away.
        """
        looked_at, intended_at = attempt.looked_at, attempt.intended_at
        assert intended_at is not None

        def check() -> None:
            self._lease.check()
            now = self._clock()
            if now - looked_at > LOOK_AGE_SECONDS or now - intended_at > self._limits.intent_seconds:
                raise TooOld

        return check


def ask_of(attempt: Attempt) -> Ask:
    """The look's question about an order whose contact is written."""
    assert attempt.contact_id is not None
    row = attempt.job.row
    earlier = {row.contact_id} if row is not None and row.contact_id else set()
    intended = earlier if row is not None and may_lie_there(row) else set()
    if attempt.settle_until > 0 and attempt.intended_contact:
        intended = intended | {attempt.intended_contact}
    email, contact_id = attempt.send.contact.email, attempt.contact_id
    return Ask(attempt.job.order_id, email, contact_id, frozenset(earlier), frozenset(intended))
