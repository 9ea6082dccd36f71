"""From an order to what is written: contact and PURCHASE event, every limit of the API kept.

The limits are in docs/apis.md (Events). They are counted in characters, as the API's documentation names them (its own
PHP library cuts at bytes); lists are cut at whole items.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from clients import Contact, Order, OrderProduct, PurchaseEvent
from processor.decide.phones import phone_of

LONGEST_DETAIL, LONGEST_PRODUCTS, LONGEST_DESCRIPTION, LONGEST_FIELD = 255, 512, 2048, 255
UNPRINTED = frozenset({"Cc", "Cs"})
LARGEST_VALUE = Decimal("9999999999999999.99")


def lane_key(email: str) -> str:
    """Return what tells contacts apart."""
    return email.strip().lower()


def plain(text: str, limit: int) -> str:
    """Return the text on one line, without what JSON or a screen cannot carry, at most so many characters."""
    shown = "".join(" " if unicodedata.category(letter) in UNPRINTED else letter for letter in text)
    return " ".join(shown.split())[:limit].rstrip()


def join_whole(items: Iterable[str], separator: str, limit: int) -> str:
    """Join the first items as long as they fit whole."""
    text = ""
    for item in items:
        longer = f"{text}{separator}{item}" if text else item
        if len(longer) > limit:
            break
        text = longer
    return text


def to_contact(order: Order, email: str, tags: tuple[str, ...]) -> Contact:
    """Return the contact; what the order does not have is left out. An address is never mixed from two."""
    delivery = (order.delivery_address, order.delivery_postcode, order.delivery_city, order.delivery_country_code)
    invoice = (order.invoice_address, order.invoice_postcode, order.invoice_city, order.invoice_country_code)
    street, zip_code, city, code = delivery if any(text.strip() for text in delivery[:3]) else invoice
    return Contact(
        email=email,
        name=_first(order.delivery_fullname, order.invoice_fullname),
        phone=phone_of(order) or "",
        company=_first(order.delivery_company, order.invoice_company),
        street=plain(street, LONGEST_FIELD),
        zip_code=plain(zip_code, LONGEST_FIELD),
        city=plain(city, LONGEST_FIELD),
        country=_country(code) or _country(order.delivery_country_code) or _country(order.invoice_country_code),
        tags=tags,
    )


def to_purchase(order: Order, location: str, product_id_field: str, value: Decimal | None = None) -> PurchaseEvent:
    """Return the purchase; its value is products and delivery, gross, in the order's currency, if `value` is None.

    Quantities (detail3) stand beside the ids in `products`, one for one; where no line has an id, beside all lines.
    """
    lines = order.products
    sold = list(_fitting(lines, product_id_field))
    quantities = [line.quantity for line, _ in sold] or [line.quantity for line in lines]
    names = (plain(line.name.replace(",", " "), LONGEST_DETAIL) for line in lines)
    details = (
        join_whole(filter(None, names), ",", LONGEST_DETAIL),
        _first(order.shop_order_id, order.external_order_id),
        join_whole(map(str, quantities), "/", LONGEST_DETAIL),
        plain(order.order_source, LONGEST_DETAIL),
        plain(order.delivery_method, LONGEST_DETAIL),
        _ids(lines, "sku"),
        _ids(lines, "variant_id"),
        _country(order.delivery_country_code) or _country(order.invoice_country_code),
        plain(order.currency, LONGEST_DETAIL),
    )
    return PurchaseEvent(
        external_id=str(order.order_id),
        date=date_of(order) or datetime.fromtimestamp(0, UTC),
        location=location,
        value=order_value(order) if value is None else value,
        products=",".join(found for _, found in sold),
        description=plain(order.payment_method, LONGEST_DESCRIPTION),
        details=details,
    )


def date_of(order: Order) -> datetime | None:
    """Return when it was confirmed, or else made."""
    return order.date_confirmed or order.date_add


def order_value(order: Order) -> Decimal:
    """Return products and delivery, two places, half up, never negative."""
    total = sum((line.price_brutto * line.quantity for line in order.products), order.delivery_price)
    return two_places(total)


def two_places(amount: Decimal) -> Decimal:
    """Return an amount as the API takes it: two places, half up, from 0 to 16 digits before the point."""
    return min(max(amount, Decimal(0)), LARGEST_VALUE).quantize(Decimal("0.01"), ROUND_HALF_UP)


def product_id(line: OrderProduct, field: str) -> str:
    """Return what a line brings into `products`; "" where it has no id."""
    return _id(line, field, LONGEST_PRODUCTS)


def _fitting(lines: Iterable[OrderProduct], field: str) -> Iterator[tuple[OrderProduct, str]]:
    """The first lines that have an id, as many as `products` holds."""
    length = -1
    for line in lines:
        found = product_id(line, field)
        if not found:
            continue
        length += 1 + len(found)
        if length > LONGEST_PRODUCTS:
            return
        yield line, found


def _ids(lines: Iterable[OrderProduct], field: str) -> str:
    return join_whole(filter(None, (_id(line, field, LONGEST_DETAIL) for line in lines)), ",", LONGEST_DETAIL)


def _id(line: OrderProduct, field: str, limit: int) -> str:
    """Return an id as it is; "" for blank, "0", one that a comma would split in two, and one that cannot go whole."""
    value = str(getattr(line, field))
    odd = "," in value or len(value) > limit or any(unicodedata.category(letter) in UNPRINTED for letter in value)
    return "" if odd or value.strip() in {"", "0"} else value


def _first(*texts: str) -> str:
    return next((text for given in texts if (text := plain(given, LONGEST_FIELD))), "")


def _country(code: str) -> str:
    """Return two capital letters, or ""."""
    code = code.strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""
