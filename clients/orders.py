"""Orders as BaseLinker sends them, made typed (docs/apis.md, getOrders). A repr shows ids only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from clients.parsing import as_bool, as_decimal, as_int, as_rows, as_seconds, as_text

_TEXTS = (
    *tuple(
        f"{part}_{name}"
        for part in ("delivery", "invoice")
        for name in ("fullname", "company", "address", "postcode", "city", "country", "country_code")
    ),
    "external_order_id",
    "order_source",
    "order_source_info",
    "currency",
    "payment_method",
    "email",
    "phone",
    "user_login",
    "delivery_method",
    "extra_field_1",
    "extra_field_2",
)


@dataclass(frozen=True, slots=True)
class OrderProduct:
    """One line of an order; price is gross, in the order's currency.

    `storage` = where the product is kept, and its ids are from: db = BaseLinker's own catalogue, shop, warehouse.
    """

    product_id: str = ""
    variant_id: str = ""
    name: str = field(default="", repr=False)
    sku: str = ""
    ean: str = ""
    price_brutto: Decimal = Decimal(0)
    quantity: int = 0
    storage: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """One order; missing text is "", missing times are None."""

    order_id: int
    shop_order_id: str = ""
    external_order_id: str = ""
    order_source: str = ""
    order_source_id: int = 0
    order_source_info: str = ""
    order_status_id: int = 0
    confirmed: bool = False
    date_add: datetime | None = None
    date_confirmed: datetime | None = None
    currency: str = ""
    payment_method: str = ""
    payment_done: Decimal = Decimal(0)
    email: str = ""
    phone: str = ""
    user_login: str = ""
    delivery_method: str = ""
    delivery_price: Decimal = Decimal(0)
    delivery_fullname: str = ""
    delivery_company: str = ""
    delivery_address: str = ""
    delivery_postcode: str = ""
    delivery_city: str = ""
    delivery_country: str = ""
    delivery_country_code: str = ""
    invoice_fullname: str = ""
    invoice_company: str = ""
    invoice_address: str = ""
    invoice_postcode: str = ""
    invoice_city: str = ""
    invoice_country: str = ""
    invoice_country_code: str = ""
    extra_field_1: str = ""
    extra_field_2: str = ""
    products: tuple[OrderProduct, ...] = ()

    def __repr__(self) -> str:
        return f"Order(order_id={self.order_id})"


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """What getOrdersByPhone tells."""

    order_id: int
    date_add: datetime | None


@dataclass(frozen=True, slots=True)
class JournalLog:
    """One journal entry; `object_id` None where BaseLinker sends 0 or nothing."""

    log_id: int
    log_type: int
    order_id: int
    object_id: int | None
    date: datetime | None


def parse_order(found: Mapping[str, Any]) -> Order | None:
    """Return an order, or None where there is no id."""
    order_id = as_int(found.get("order_id"))
    if order_id <= 0:
        return None
    confirmed_at = as_seconds(found.get("date_confirmed"))
    confirmed = as_bool(found["confirmed"]) if "confirmed" in found else confirmed_at is not None
    shop_order_id = as_text(found.get("shop_order_id"))
    texts: dict[str, Any] = {name: as_text(found.get(name)) for name in _TEXTS}
    return Order(
        order_id=order_id,
        shop_order_id="" if shop_order_id == "0" else shop_order_id,
        order_source_id=as_int(found.get("order_source_id")),
        order_status_id=as_int(found.get("order_status_id")),
        confirmed=confirmed,
        date_add=as_seconds(found.get("date_add")),
        date_confirmed=confirmed_at,
        payment_done=as_decimal(found.get("payment_done")),
        delivery_price=as_decimal(found.get("delivery_price")),
        products=tuple(parse_product(line) for line in as_rows(found.get("products"))),
        **texts,
    )


def parse_product(found: Mapping[str, Any]) -> OrderProduct:
    """Return one line."""
    return OrderProduct(
        product_id=as_text(found.get("product_id")),
        variant_id=as_text(found.get("variant_id")),
        name=as_text(found.get("name")),
        sku=as_text(found.get("sku")),
        ean=as_text(found.get("ean")),
        price_brutto=as_decimal(found.get("price_brutto")),
        quantity=as_int(found.get("quantity")),
        storage=as_text(found.get("storage")),
    )
