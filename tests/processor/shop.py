"""A shop's orders for tests, and its BaseLinker in memory: counts its requests, and fails on demand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from clients import Order, OrderProduct, OrderSummary

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MASK = "abcdefghij+12ab@allegromail.pl"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def an_order(order_id: int = 1, **fields: Any) -> Order:
    """A confirmed order of the own store; made as many minutes after START as its id."""
    given: dict[str, Any] = {
        "order_source": "shop",
        "order_source_id": 7,
        "confirmed": True,
        "date_add": at(order_id),
        "date_confirmed": at(order_id + 1),
        "currency": "PLN",
        "email": "jan@example.com",
        "phone": "+48 601 234 567",
        "delivery_fullname": "Jan Nowak",
        "delivery_price": Decimal("12.00"),
        "delivery_country_code": "PL",
        "products": (
            OrderProduct(product_id="11", name="Kubek", sku="K-1", price_brutto=Decimal("19.99"), quantity=2),
        ),
    }
    return Order(order_id=order_id, **(given | fields))


def allegro(order_id: int = 1, **fields: Any) -> Order:
    """An order through Allegro, its mailbox masked."""
    return an_order(order_id, **({"order_source": "allegro", "order_source_id": 3, "email": MASK} | fields))


class Shop:
    """BaseLinker's reading side as docs/apis.md describes it; what is open there is an argument."""

    def __init__(
        self,
        *orders: Order,
        phone: str = "last9",
        inclusive: bool = True,
        newest_first: bool = False,
        page: int = 100,
    ) -> None:
        self.stored = {order.order_id: order for order in orders}
        self.phone, self.inclusive, self.newest_first = phone, inclusive, newest_first
        self.page = page
        self.requests: list[str] = []
        self.answers = 0
        self.fail_after: int | None = None
        self.hidden_from_windows: set[int] = set()
        self.sources = {"shop": {7: "Sklep"}, "allegro": {3: "Konto1"}}

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        self._count("alone" if order_id is not None else "window")
        assert include_unconfirmed
        if order_id is not None:
            return [self.stored[order_id]] if order_id in self.stored else []
        assert id_from is not None
        first = id_from if self.inclusive else id_from + 1
        ids = sorted(number for number in self.stored if number >= first and number not in self.hidden_from_windows)
        return [self.stored[number] for number in sorted(ids[: self.page], reverse=self.newest_first)]

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        self._count("phone")
        return [
            OrderSummary(one.order_id, one.date_add) for one in self.stored.values() if self._same(one.phone, phone)
        ]

    def order_sources(self) -> dict[str, dict[int, str]]:
        self._count("sources")
        return {code: dict(names) for code, names in self.sources.items()}

    def _same(self, typed: str, asked: str) -> bool:
        if self.phone == "exact":
            return typed == asked
        digits = "".join(filter(str.isdigit, asked))[-9:]
        return len(digits) == 9 and "".join(filter(str.isdigit, typed)).endswith(digits)

    def _count(self, kind: str) -> None:
        if self.fail_after is not None and len(self.requests) >= self.fail_after:
            raise ConnectionError("BaseLinker is away")
        self.requests.append(kind)
