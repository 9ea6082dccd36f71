"""From an order to what is written: contact and PURCHASE event, every limit of the API kept (design §6, api §3).

Limits are counted in characters; lists are cut at whole items.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from clients import Contact, Order, OrderProduct, PurchaseEvent
from processor.phones import normal

LONGEST_DETAIL, LONGEST_PRODUCTS, LONGEST_DESCRIPTION, LONGEST_FIELD = 255, 512, 2048, 255
LARGEST_VALUE = Decimal("9999999999999999.99")


def lane_key(email: str) -> str:
    """Return what tells contacts apart."""
    return email.strip().lower()


def join_whole(items: Iterable[str], separator: str, limit: int) -> str:
    """Join as many whole items as fit; a first item that is longer alone is cut at the limit."""
    text = ""
    for item in items:
        longer = f"{text}{separator}{item}" if text else item
        if len(longer) > limit:
            return text or item[:limit]
        text = longer
    return text


def to_contact(order: Order, email: str, tags: tuple[str, ...]) -> Contact:
    """Return the contact; what the order does not have is left out."""
    country = (order.delivery_country_code or order.invoice_country_code).upper()
    return Contact(
        email=email,
        name=(order.delivery_fullname or order.invoice_fullname)[:LONGEST_FIELD],
        phone=normal(order.phone, country) or "",
        company=(order.delivery_company or order.invoice_company)[:LONGEST_FIELD],
        street=(order.delivery_address or order.invoice_address)[:LONGEST_FIELD],
        zip_code=(order.delivery_postcode or order.invoice_postcode)[:LONGEST_FIELD],
        city=(order.delivery_city or order.invoice_city)[:LONGEST_FIELD],
        country=country if len(country) == 2 else "",
        tags=tags,
    )


def to_purchase(order: Order, location: str, product_id_field: str) -> PurchaseEvent:
    """Return the purchase; its value is products and delivery, gross, in the order's currency."""
    lines = order.products
    ids = [value for line in lines if (value := _id(line, product_id_field))]
    details = (
        join_whole((line.name.replace(",", " ") for line in lines if line.name), ",", LONGEST_DETAIL),
        (order.shop_order_id or order.external_order_id)[:LONGEST_DETAIL],
        join_whole((str(line.quantity) for line in lines), "/", LONGEST_DETAIL),
        order.order_source[:LONGEST_DETAIL],
        order.delivery_method[:LONGEST_DETAIL],
        join_whole((line.sku for line in lines if line.sku), ",", LONGEST_DETAIL),
        join_whole((value for line in lines if (value := _id(line, "variant_id"))), ",", LONGEST_DETAIL),
        (order.delivery_country_code or order.invoice_country_code)[:LONGEST_DETAIL],
        order.currency[:LONGEST_DETAIL],
    )
    return PurchaseEvent(
        external_id=str(order.order_id),
        date=order.date_confirmed or order.date_add or datetime.fromtimestamp(0, UTC),
        location=location,
        value=order_value(order),
        products=_products(ids),
        description=order.payment_method[:LONGEST_DESCRIPTION],
        details=details,
    )


def order_value(order: Order) -> Decimal:
    """Return products and delivery, two places, half up, never negative."""
    total = sum((line.price_brutto * line.quantity for line in order.products), order.delivery_price)
    return min(max(total, Decimal(0)), LARGEST_VALUE).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _id(line: OrderProduct, field: str) -> str:
    """A blank or "0" id is none; one with a comma would read as two."""
    value: str = getattr(line, field)
    return "" if value in {"", "0"} or "," in value else value


def _products(ids: list[str]) -> str:
    """Whole ids only: an id that alone is too long is left out."""
    return join_whole((value for value in ids if len(value) <= LONGEST_PRODUCTS), ",", LONGEST_PRODUCTS)
