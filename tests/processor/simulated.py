"""Orders for tests, and a simulated BaseLinker that counts what is asked."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from clients import Order, OrderProduct, OrderSummary

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def order(order_id: int = 1, **over: Any) -> Order:
    """A confirmed order of the own store."""
    base = Order(
        order_id=order_id,
        order_source="shop",
        order_source_id=2001,
        confirmed=True,
        date_add=START + timedelta(seconds=order_id),
        date_confirmed=START + timedelta(seconds=order_id + 5),
        currency="PLN",
        payment_method="BLIK",
        email=f"kupujacy{order_id}@example.com",
        phone="601 234 567",
        delivery_price=Decimal("9.99"),
        delivery_fullname="Łucja Żuraw",
        delivery_country_code="PL",
        products=(OrderProduct("11", "0", "Kubek", "SKU-1", "", Decimal("10.005"), 2),),
    )
    return replace(base, **over)


class SimulatedBaseLinker:
    """A shop's orders by id; `inclusive` = does id_from bring the id itself."""

    def __init__(self, orders: list[Order], inclusive: bool = True) -> None:
        self.shop = {one.order_id: one for one in orders}
        self.inclusive = inclusive
        self.requests: Counter[str] = Counter()
        self.answers = 0

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        self.requests["orders"] += 1
        if order_id is not None:
            found = [self.shop[order_id]] if order_id in self.shop else []
        else:
            low = (id_from or 0) + (not self.inclusive)
            found = sorted((one for one in self.shop.values() if one.order_id >= low), key=lambda one: one.order_id)
        return [one for one in found if one.confirmed or include_unconfirmed][:100]

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        self.requests["by_phone"] += 1
        digits = "".join(letter for letter in phone if letter.isdigit())[-9:]
        return [
            OrderSummary(one.order_id, one.date_add)
            for one in self.shop.values()
            if "".join(letter for letter in one.phone if letter.isdigit())[-9:] == digits
        ]

    def order_sources(self) -> dict[str, dict[int, str]]:
        self.requests["sources"] += 1
        return {"shop": {2001: "sklep.example.pl"}, "allegro": {3001: "Konto1"}}
