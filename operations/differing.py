"""In which fields a purchase, as SALESmanago shows it, differs from what would be sent now. Pure.

It is open which fields a card's events have, and how they are written (docs/apis.md, Events). So only what is shown is
compared, and these are the same: ids with or without spaces between, a value as number or text, a text that was cut at
its limit. A field that is empty there says nothing, but for details where others are shown.
"""

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from clients import ExtEvent, PurchaseEvent
from clients.parsing import as_text
from processor.decide.currency import Money
from processor.decide.mapping import LONGEST_DESCRIPTION, LONGEST_DETAIL, LONGEST_PRODUCTS

SECONDS_APART = 1.0
LONGEST_LOCATION = 36
RATE_APART = Decimal("0.1")  # how far a rate moves between two looks at the same purchase
CUT_BYTES = 3  # a cut at bytes may leave out a whole character


def differences(ours: PurchaseEvent, theirs: ExtEvent) -> list[str]:
    """Return the fields, with both values where these are not personal: value, location, date."""
    return list(_differences(ours, theirs, theirs.shown))


def at_another_rate(
    money: Money, ours: PurchaseEvent, theirs: ExtEvent, as_sent: Callable[[PurchaseEvent], bool]
) -> bool:
    """Whether a converted purchase is as it was sent, at a rate near today's: rates change, purchases keep theirs.

    `as_sent` compares a purchase with the ledger's fingerprint. A value far from today's is a difference: the order's
    prices were edited, or it was sent before there was a rate.
    """
    value = _number(theirs.shown.get("value"))
    if money.treatment != "converted" or value is None or abs(value - money.sent) > money.sent * RATE_APART:
        return False
    return as_sent(replace(ours, value=value))


def value_of(event: ExtEvent) -> Decimal | None:
    """Return the value that the card shows; None = none, or no number."""
    return _number(event.shown.get("value"))


def _differences(ours: PurchaseEvent, theirs: ExtEvent, shown: Mapping[str, Any]) -> Iterator[str]:
    if theirs.date is not None and abs((theirs.date - ours.date).total_seconds()) > SECONDS_APART:
        yield f"date {theirs.date:%Y-%m-%d %H:%M:%S}, now {ours.date:%Y-%m-%d %H:%M:%S}"
    value = _number(shown.get("value"))
    if value is not None and not math.isclose(value, ours.value, rel_tol=1e-7, abs_tol=0.005):
        yield f"value {value}, now {ours.value}"
    location = _text(shown.get("location"))
    if location and not _same(ours.location, location, LONGEST_LOCATION):
        yield f"location {location}, now {ours.location}"
    products = _products(shown.get("products"))
    if products and not _same(_products(ours.products), products, LONGEST_PRODUCTS):
        yield "products"
    description = _text(shown.get("description"))
    if description and not _same(_plain(ours.description), description, LONGEST_DESCRIPTION):
        yield "description"
    details = {f"detail{number}": _plain(text) for number, text in enumerate(ours.details, 1)}
    if any(_text(shown.get(name)) for name in details):
        for name, text in details.items():
            if not _same(text, _text(shown.get(name)), LONGEST_DETAIL):
                yield name


def _same(ours: str, theirs: str, limit: int) -> bool:
    cut = len(theirs.encode()) >= limit - CUT_BYTES and ours.startswith(theirs)
    return ours == theirs or cut


def _number(value: Any) -> Decimal | None:
    try:
        found = Decimal(as_text(value).replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _products(value: Any) -> str:
    items = value if isinstance(value, list) else as_text(value).split(",")
    return ",".join(filter(None, (_text(item) for item in items)))


def _text(value: Any) -> str:
    return _plain(as_text(value))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
