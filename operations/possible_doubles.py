"""Purchases of other external ids that look like one of ours: another integration may have sent the same order. Pure.

Nothing says which order such a purchase is of, so this is a suspicion: one contact, the same value, within minutes.
Two orders of ours are never suspected of each other.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from clients import ContactCard, ExtEvent, Order
from operations.differing import value_of
from operations.ledger_reads import RowAt
from processor.decide.mapping import date_of, order_value

NEAR_MINUTES = 10
NEAR = timedelta(minutes=NEAR_MINUTES)
CENT = Decimal("0.01")
EXPLAINED = (
    f"possibly doubled: two purchases of one contact, of the same value, at most {NEAR_MINUTES} minutes apart, one of"
    " them of no order of ours. Nothing is deleted by itself: retract deletes ours (processors stopped), another"
    " program's can only be deleted in SALESmanago"
)


@dataclass(frozen=True, slots=True)
class PossibleDouble:
    """The purchase that the ledger names for an order, and another program's beside it, `apart` from it in time."""

    order_id: int
    contact_id: str
    event_id: str
    other_event_id: str
    other_external_id: str
    value: str
    apart: timedelta
    mend: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A purchase of no order of ours; its contact's id, and e-mail in lower case."""

    event: ExtEvent
    contact_id: str
    email: str

    def apart(self, values: Collection[Decimal | None], date: datetime | None) -> timedelta | None:
        """Return how far it is in time from a purchase of one of these values; None = too far, or of another value."""
        theirs = value_of(self.event)
        if theirs is None or date is None or self.event.date is None:
            return None
        if not any(value is not None and abs(theirs - value) < CENT for value in values):
            return None
        apart = abs(self.event.date - date)
        return apart if apart <= NEAR else None


def foreign_purchases(cards: Iterable[ContactCard], ours: Iterable[int]) -> list[Foreign]:
    """Return the purchases whose external id is none of these orders', each once."""
    known = {str(order_id) for order_id in ours}
    found = {
        event.event_id: Foreign(event, card.contact_id, card.email.strip().lower())
        for card in cards
        for event in _purchases(card)
        if event.event_id and event.external_id not in known
    }
    return list(found.values())


def possible_doubles(
    orders: Iterable[Order], rows: Mapping[int, RowAt], cards: Sequence[ContactCard], foreign: Iterable[Foreign]
) -> list[PossibleDouble]:
    """Return the foreign purchases that look like one of these orders', each beside the one nearest in time.

    Of an order in another currency the value may be the converted one, as we send it, or the order's own.
    """
    by_text = {str(order.order_id): order for order in orders if order.order_id in rows}
    sent: dict[str, list[tuple[Order, ExtEvent]]] = {}
    for card in cards:
        for event in _purchases(card):
            order = by_text.get(event.external_id)
            if order is not None and event.event_id and rows[order.order_id].row.event_id == event.event_id:
                sent.setdefault(card.contact_id, []).append((order, event))
    found = []
    for other in foreign:
        near = [
            (apart, order.order_id, event)
            for order, event in sent.get(other.contact_id, ())
            if (apart := other.apart((value_of(event), order_value(order)), event.date)) is not None
        ]
        if near:
            apart, order_id, event = min(near, key=lambda one: one[:2])
            found.append(
                PossibleDouble(
                    order_id,
                    other.contact_id,
                    event.event_id,
                    other.event.event_id,
                    named(other),
                    str(value_of(other.event)),
                    apart,
                    f"look at both in SALESmanago; if they are one order: bl2sm retract --order {order_id} --execute",
                )
            )
    return sorted(found, key=lambda one: (one.order_id, one.other_event_id))


def sent_by_another(order: Order, contact_id: str | None, foreign: Iterable[Foreign]) -> Foreign | None:
    """Return another program's purchase that may be that of an order which has none of ours."""
    email, values = order.email.strip().lower(), (order_value(order),)
    theirs = (one for one in foreign if one.contact_id == contact_id or (one.email and one.email == email))
    return next((one for one in theirs if one.apart(values, date_of(order)) is not None), None)


def named(foreign: Foreign) -> str:
    """Return its external id, "-" = it has none; another program's may be anything, an e-mail, too."""
    external_id = foreign.event.external_id
    return "…" if "@" in external_id else external_id or "-"


def _purchases(card: ContactCard) -> Iterator[ExtEvent]:
    return (event for event in card.events if event.type.upper() in {"PURCHASE", ""})
