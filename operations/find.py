"""Finds a buyer's orders: asked of BaseLinker each time, for no e-mail is kept anywhere."""

from dataclasses import dataclass
from datetime import datetime

from clients import BaseLinker
from operations.output import WrongUsage
from processor.decide.rules import source_of

LONGEST_EMAIL = 50  # BaseLinker's filter takes no more


@dataclass(frozen=True, slots=True)
class Found:
    """An order of the buyer; nothing personal."""

    order_id: int
    source: str
    confirmed: bool
    ordered_at: datetime | None


def orders_of(base: BaseLinker, email: str) -> list[Found]:
    """Return a buyer's orders, newest first, at most 100. One request; WrongUsage for what is no e-mail."""
    wanted = email.strip()
    if "@" not in wanted or len(wanted) > LONGEST_EMAIL:
        raise WrongUsage(f"give an order id, or a whole e-mail of at most {LONGEST_EMAIL} characters")
    orders = [
        order
        for order in base.orders(email=wanted, include_unconfirmed=True)
        if order.email.strip().lower() == wanted.lower()
    ]
    return [
        Found(order.order_id, source_of(order), order.confirmed, order.date_confirmed or order.date_add)
        for order in sorted(orders, key=lambda order: -order.order_id)
    ]
