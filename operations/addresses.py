"""Which address has what of an order: an edited one gets its contact, the purchase stays where it was created.

Addresses are shown masked: somebody who knows them can tell them apart, and nobody else learns them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from clients import SalesManago
from operations.audit import read_cards
from processor.decide.rules import is_usable
from schemas.records import Delivery


@dataclass(frozen=True, slots=True)
class Addresses:
    """The order's address now, and that of the contact that its ledger row names; both masked.

    `now` "" = the order has none; `written` = SALESmanago shows a contact with it. `holder` "" = the card of
    `contact_id` is not shown; `earlier` = its address is another one than now. `purchase` = the order's lies there.
    """

    now: str
    written: bool
    contact_id: str
    holder: str
    earlier: bool
    purchase: bool


def read_addresses(sales: SalesManago, email: str, row: Delivery | None) -> Addresses | None:
    """Ask SALESmanago, one or two requests; None where the ledger names no contact. ApiError as it fails.

    `email` is what the order would be sent to now, "" = nothing.
    """
    if row is None or not row.contact_id:
        return None
    now = email.strip().lower()
    cards = list(chain.from_iterable(read_cards(sales, [row.contact_id], [now] if is_usable(now) else [])))
    holder = next((card.email.strip().lower() for card in cards if card.contact_id == row.contact_id), "")
    return Addresses(
        now=mask(now),
        written=any(card.email.strip().lower() == now for card in cards if now),
        contact_id=row.contact_id,
        holder=mask(holder),
        earlier=holder not in {"", now},
        purchase=row.event_id is not None,
    )


def mask(email: str) -> str:
    """Return `j…@e…e.com` for jan@example.com, "…" for what is no address, "" for "". Two may look the same."""
    local, at, host = email.rpartition("@")
    if not at:
        return "…" if email else ""
    name, _, last = host.rpartition(".")
    ends = f"{name[:1]}…{name[-1]}" if len(name) > 2 else f"{name[:1]}…"
    return f"{local[:1]}…@{ends}.{last}"


def lines(found: Addresses) -> Iterator[str]:
    """Yield what a person is to read."""
    if found.now:
        yield f"address now\t{found.now}, contact {'written' if found.written else 'not written'}"
    else:
        yield "address now\tnone"
    what = "purchase" if found.purchase else "written last"
    if not found.holder:
        yield f"{what}\ton contact {found.contact_id}, which SALESmanago does not show: was it merged or deleted?"
    elif not found.earlier:
        yield f"{what}\ton the contact of this address ({found.contact_id})"
    else:
        stays = ": it stays with the person it was created for" if found.purchase else ""
        yield f"{what}\ton the contact of an earlier address, {found.holder} ({found.contact_id}){stays}"
