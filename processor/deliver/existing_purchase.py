"""The look before a purchase is created: is there already a PURCHASE with our external id?

One call shows up to 50 cards (docs/apis.md, Contacts). A card that is not shown proves nothing: that is a failure, not
an absence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clients import ContactCard, ExtEvent, RetriableError

CARDS_A_CALL = 50


class Cards(Protocol):
    """The part of the SALESmanago client that reads cards."""

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these e-mails."""

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these contact ids."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One order's question: the contact it is for, and other contacts that may hold its purchase.

    `intended` are those on which a purchase was or may have been created: their cards must be shown, too.
    """

    order_id: int
    email: str
    contact_id: str
    earlier: frozenset[str] = frozenset()
    intended: frozenset[str] = frozenset()

    @property
    def contacts(self) -> frozenset[str]:
        """All of them."""
        return self.earlier | self.intended | {self.contact_id}

    def __repr__(self) -> str:
        return f"Ask(order_id={self.order_id})"


class NotShown(RetriableError):
    """A card that must be looked at is not shown, or not its events: that says nothing about the purchase."""

    def __init__(self, own: bool) -> None:
        which = "the contact just written" if own else "the contact of an earlier try"
        super().__init__(f"{which} is not listed with its events", api="SALESmanago", may_have_applied=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cards show: the purchase, if there is one (event id "" = listed without one), and how many."""

    event_id: str | None
    contact_id: str | None
    count: int


def look(api: Cards, asks: Sequence[Ask]) -> dict[int, Seen | RetriableError]:
    """Answer up to 50 questions by e-mail, and by contact id where the e-mail's cards do not hold them."""
    cards = list(api.contacts_by_email(sorted({ask.email.lower() for ask in asks})))
    wanted = {contact for ask in asks for contact in ask.contacts}
    missing = sorted(wanted - {card.contact_id for card in cards})
    for start in range(0, len(missing), CARDS_A_CALL):
        cards += api.contacts_by_id(missing[start : start + CARDS_A_CALL])
    answers: dict[int, Seen | RetriableError] = {}
    for ask in asks:  # a card may be shown twice, and not the same each time: all that is shown counts
        email = ask.email.lower()
        shown = [card for card in cards if card.contact_id in ask.contacts or card.email.lower() == email]
        seen = _seen(ask.order_id, shown)
        hidden = ({ask.contact_id} | ask.intended) - {card.contact_id for card in shown}
        answers[ask.order_id] = NotShown(ask.contact_id in hidden) if hidden and seen.event_id is None else seen
    return answers


def has_newer_purchase(api: Cards, email: str, order_id: int, date: datetime) -> bool:
    """Whether the contact bought again after this order."""
    events = [event for card in api.contacts_by_email([email.lower()]) for event in card.events]
    return any(
        _is_purchase(event) and event.external_id != str(order_id) and event.date is not None and event.date > date
        for event in events
    )


def _seen(order_id: int, cards: Iterable[ContactCard]) -> Seen:
    found = [
        (event, card.contact_id)
        for card in cards
        for event in card.events
        if _is_purchase(event) and event.external_id == str(order_id)
    ]
    if not found:
        return Seen(None, None, 0)
    event, contact_id = min(found, key=lambda pair: (pair[0].date is None, pair[0].date or datetime.max))
    return Seen(event.event_id, contact_id, len({(event.event_id, holder) for event, holder in found}))


def _is_purchase(event: ExtEvent) -> bool:
    return event.type.upper() in {"PURCHASE", ""}  # no type shown: better taken for one than doubled
