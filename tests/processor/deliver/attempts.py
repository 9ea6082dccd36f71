"""Attempts for tests, and a SALESmanago in memory that fails on demand."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clients import Contact, ContactCard, ExtEvent, PurchaseEvent
from processor.decide.judge import Decided
from processor.decide.rules import Send
from processor.deliver.attempt import Attempt
from processor.job import Entry, Job
from schemas.records import Delivery
from tests.processor.entries import entry

BOUGHT_AT = datetime(2026, 11, 1, tzinfo=UTC)
PURCHASE = PurchaseEvent("7", BOUGHT_AT, "shop", Decimal("1.00"))


def a_job(order_id: int = 7, before: Delivery | None = None, *entries: Entry, **fields: Any) -> Job:
    return Job(order_id, fields.pop("partition", 0), entries or (entry(12, order_id, log_type=1),), before, **fields)


def decided(job: Job, email: str = "a@example.com", purchase: bool = True) -> Decided:
    event = PurchaseEvent(str(job.order_id), BOUGHT_AT, "shop", Decimal(1)) if purchase else None
    return Decided(job, Send(Contact(email), event), "x.y" if purchase else "x.")


def an_attempt(before: Delivery | None = None, *entries: Entry, **fields: Any) -> Attempt:
    """Order 7 whose contact is c2, its purchase still to be created."""
    send = Send(Contact("a@example.com"), PURCHASE)
    given: dict[str, Any] = {"contact_id": "c2", "fingerprint": "x.y", "send": send} | fields
    return Attempt(a_job(7, before, *entries), **given)


class Sales:
    """Contacts and events; a step's next errors are raised instead of doing anything."""

    def __init__(self) -> None:
        self.emails: dict[str, str] = {}
        self.events: dict[str, list[ExtEvent]] = defaultdict(list)
        self.hidden: set[str] = set()
        self.fails: dict[str, deque[BaseException]] = defaultdict(deque)
        self.after: dict[str, BaseException] = {}  # the write takes effect, and the answer is lost
        self.calls: list[str] = []

    def created(self, order_id: int) -> int:
        """How many purchases an order has."""
        return sum(event.external_id == str(order_id) for events in self.events.values() for event in events)

    def users(self) -> list[str]:
        self._enter("users")
        return []

    def upsert_contact(self, contact: Contact, before_write: Callable[[], None]) -> str:
        before_write()
        self._enter("upsert")
        return self.emails.setdefault(contact.email, f"c-{contact.email}")

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        self._enter("look")
        return [self._card(email) for email in emails if email in self.emails and email not in self.hidden]

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        return [self._card(email) for email, found in self.emails.items() if found in ids and email not in self.hidden]

    account_contacts_by_email = contacts_by_email
    account_contacts_by_id = contacts_by_id

    def add_event(self, contact_id: str, event: PurchaseEvent, before_write: Callable[[], None]) -> str:
        before_write()
        self._enter("create")
        event_id = f"e{sum(map(len, self.events.values())) + 1}"
        self.events[contact_id].append(ExtEvent(event_id, "PURCHASE", event.external_id, event.date))
        if "create" in self.after:
            raise self.after.pop("create")
        return event_id

    def update_event(self, contact_id: str, event_id: str, event: PurchaseEvent, before_write: Any) -> None:
        before_write()
        self._enter("update")

    def _card(self, email: str) -> ContactCard:
        return ContactCard(self.emails[email], email, (), tuple(self.events[self.emails[email]]))

    def _enter(self, step: str) -> None:
        self.calls.append(step)
        if self.fails[step]:
            raise self.fails[step].popleft()
