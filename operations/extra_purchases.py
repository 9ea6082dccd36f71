"""`bl2sm retract --extra`: the purchases of an order beside the one the ledger names; where they are found.

The ledger is not touched, so it is safe beside running processors. The ledger's own purchase is never deleted here, and
nothing is where it is not shown: what looks like an extra one could be all there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from clients import Order
from operations.apis import Apis, tell_pace
from operations.audit import contacts_of, emails_of, read_cards
from operations.kafka_reads import KafkaReads
from operations.output import Refused
from processor.enrich.order_pages import OrderPages
from schemas.records import Outcome


@dataclass(frozen=True, slots=True)
class ExtraPurchase:
    """A purchase of an order whose own one is `kept`; `value` as SALESmanago shows it, "" = not shown."""

    order_id: int
    event_id: str
    contact_id: str
    date: datetime | None
    value: str
    kept: str


def find_extra(
    reads: KafkaReads, apis: Apis, order_ids: Sequence[int], contact_ids: Sequence[str] = ()
) -> list[ExtraPurchase]:
    """Look at the cards of the ledger's contacts, of the orders' e-mails, and of further contacts that are named.

    Refused where an order's own purchase is not shown.
    """
    rows = reads.rows()
    own: dict[int, str] = {}
    for order_id in order_ids:
        row = rows[order_id].row if order_id in rows else None
        if row is None or not row.event_id or row.outcome is Outcome.SENDING:
            raise Refused(
                f"the ledger names no purchase of order {order_id}, so none is extra: `bl2sm replay --order {order_id}"
                " --execute` takes one of them as the order's"
            )
        own[order_id] = row.event_id
    found: dict[str, ExtraPurchase] = {}
    by_text = {str(order_id): order_id for order_id in own}
    seen = set()
    tell_pace(reads.settings, 1)
    orders: dict[int, Order] = {}
    OrderPages(apis.base).read(list(own), orders, set())
    contacts = contacts_of(own, rows) | set(contact_ids)
    for card in chain.from_iterable(read_cards(apis.sales, contacts, emails_of(orders.values()))):
        for event in card.events:
            order_id = by_text.get(event.external_id, 0)  # as the look compares it: "0007" is another program's
            if not order_id or event.type.upper() not in {"PURCHASE", ""}:
                continue
            if event.event_id == own[order_id]:
                seen.add(order_id)
            elif event.type and event.event_id:  # one of an unknown kind may be another thing of the order's
                value = str(event.shown.get("value") or "")
                found[event.event_id] = ExtraPurchase(
                    order_id, event.event_id, card.contact_id, event.date, value, own[order_id]
                )
    if hidden := sorted({one.order_id for one in found.values()} - seen):
        raise Refused(
            f"SALESmanago does not show {own[hidden[0]]}, which the ledger names for order {hidden[0]}: nothing is"
            " deleted. See `bl2sm audit`"
        )
    return sorted(found.values(), key=lambda one: (one.order_id, one.event_id))
