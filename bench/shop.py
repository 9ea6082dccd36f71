"""The orders that are measured with: those of the sandbox's shop, each with something to send.

Every order is confirmed and has an e-mail or, on Allegro, an answer: half of the Allegro buyers bought in the store
before. `scattered` leaves gaps between the journal's orders that other orders of the shop fill: windows bring little.
"""

import random
from dataclasses import dataclass
from typing import Any

from sandbox.shop import make_shop

FIRST_LOG = 900_000
PURCHASE = 1
KNOWN_BUYERS = 0.5
SEED = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What kind of shop: how many orders the journal names, and how they lie among all of the shop's."""

    orders: int
    allegro: float = 0.0
    sparse: bool = False
    scattered: int = 1  # the journal names one of so many orders


@dataclass(frozen=True, slots=True)
class Shop:
    """All orders ascending by id, and the journal: one entry of type 1 for each order that it names."""

    orders: list[dict[str, Any]]
    logs: list[dict[str, Any]]


def make(choice: Choice, now: int) -> Shop:
    """Make the shop; its orders were all made before `now` (unix seconds). The same choice gives the same orders."""
    chance = random.Random(SEED)
    count = choice.orders * choice.scattered
    found = make_shop(count, SEED, now, sparse=choice.sparse).orders
    orders = [found[order_id] for order_id in sorted(found)]
    bought: list[str] = []
    for index, order in enumerate(orders):
        order |= {"confirmed": True, "date_confirmed": order["date_add"] + 4}
        phone = f"+48 6{index:08d}"
        if chance.random() < choice.allegro:
            known = bought and chance.random() < KNOWN_BUYERS
            mask = f"{chance.randbytes(5).hex()}+{chance.randbytes(4).hex()}@allegromail.pl"
            order |= {"order_source": "allegro", "order_source_id": 3001, "email": mask}
            order["phone"] = chance.choice(bought) if known else phone
        else:
            order |= {"order_source": "shop", "order_source_id": 2001, "email": f"kupujacy{index}@example.com"}
            order["phone"] = phone
            bought.append(phone)
    named = orders[:: choice.scattered]
    logs = [
        {"log_id": FIRST_LOG + 3 * place, "order_id": order["order_id"], "log_type": PURCHASE, "object_id": 0,
         "date": order["date_add"]}
        for place, order in enumerate(named)
    ]  # fmt: skip
    return Shop(orders, logs)
