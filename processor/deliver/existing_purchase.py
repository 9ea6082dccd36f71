"""The look before a purchase is created: is there already a PURCHASE with our external id?

A card that is not shown, neither as the owner's nor account-wide, proves nothing: that is a failure, not an absence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clients import ContactCard, ExtEvent, RetriableError
from processor.deliver.cards import Cards, CardsOf, find_cards


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
        text = f"{which} is not listed with its events; is it another user's? `bl2sm check` tells"
        super().__init__(text, api="SALESmanago", may_have_applied=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cards show: the purchase, if there is one (event id "" = listed without one), and how many."""

    event_id: str | None
    contact_id: str | None
    count: int


def look(api: Cards, asks: Sequence[Ask]) -> dict[int, Seen | RetriableError]:
    """Answer up to 50 questions by the cards of their e-mails and contacts."""
    cards = find_cards(api, asks)
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
    events = [event for card in find_cards(api, [CardsOf(email)]) for event in card.events]
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
