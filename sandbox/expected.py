"""What should have arrived, worked out from the shop's orders alone: shares no code with the pipeline.

Written from the rules' text, as plainly as can be, so that a mistake in the pipeline is not repeated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

MASKS = (
    "allegromail.pl", "allegromail.com", "allegrogroup.pl", "notification.mirakl.net", "relay.walmart.com",
    "scs.tiktokw.us",
)  # fmt: skip
MASKS_OF_EACH_COUNTRY = ("marketplace.amazon.", "members.ebay.")
PLAIN = str.maketrans("ĄĆĘŁŃÓŚŹŻ", "ACELNOSZZ")
REQUESTED = {1, 2, 11, 16}
DUMMIES = {"123456789", "987654321"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The shop's settings, as far as they matter here; `shop_currency` "" = values are sent as they are."""

    location: str
    contact_tag: str = ""
    tag_order_source: str = "none"
    skip_shop_orders: bool = False
    product_id_field: str = "product_id"
    shop_currency: str = ""
    exchange_rates: Mapping[str, Decimal] = field(default_factory=dict)
    foreign_currency: str = "send"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One order: sent to this e-mail (lower case), or skipped for a reason.

    `emails` = all that it may have been sent to: its own, and those before it or its buyer was edited.
    `by_phone` = it has no address of its own: the buyer must be found by phone.
    """

    order_id: int
    email: str | None
    emails: frozenset[str]
    reason: str
    purchase: bool
    tags: frozenset[str]
    value: Decimal
    date_ms: int
    products: str
    order: Mapping[str, Any]
    by_phone: bool


def expect(state: Mapping[str, Any], choice: Choice) -> list[Expectation]:
    """Return what should have become of every order that the journal named."""
    orders = {int(order["order_id"]): order for order in state["orders"]}
    types: dict[int, set[int]] = {}
    for log in state["logs"]:
        if log["log_type"] in REQUESTED:
            types.setdefault(int(log["order_id"]), set()).add(log["log_type"])
    phones: dict[str, list[Mapping[str, Any]]] = {}
    for order in orders.values():
        phones.setdefault(_nine(order["phone"]), []).append(order)
    return [_one(orders[order_id], types[order_id], phones, state, choice) for order_id in sorted(types)]


def _one(
    order: Mapping[str, Any],
    types: set[int],
    phones: Mapping[str, list[Mapping[str, Any]]],
    state: Mapping[str, Any],
    choice: Choice,
) -> Expectation:
    buyer, reason = _buyer(order, phones, choice)
    email = str(buyer["email"]).lower() if buyer is not None else None
    total = Decimal(str(order["delivery_price"])) + sum(
        (Decimal(str(line["price_brutto"])) * int(line["quantity"]) for line in order["products"]), Decimal(0)
    )
    return Expectation(
        order_id=int(order["order_id"]),
        email=email,
        emails=_ever(order, phones, state, choice) | ({email} if email else set()),
        reason=reason,
        purchase=email is not None and bool(types & {1, 2}),
        tags=_tags(order, state["sources"], choice),
        value=_converted(total.quantize(Decimal("0.01"), ROUND_HALF_UP), order, choice),
        date_ms=int(order["date_confirmed"] or order["date_add"]) * 1000,
        products=_products(order, choice.product_id_field),
        order=order,
        by_phone=_by_phone(order),
    )


def _foreign(order: Mapping[str, Any], choice: Choice) -> str:
    """The order's currency where it is none of the shop's; "" where it is, and where nothing is compared."""
    currency = str(order["currency"]).upper()
    return currency if choice.shop_currency and currency != choice.shop_currency else ""


def _converted(value: Decimal, order: Mapping[str, Any], choice: Choice) -> Decimal:
    rate = choice.exchange_rates.get(_foreign(order, choice), Decimal(1))
    return (value * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _ever(
    order: Mapping[str, Any],
    phones: Mapping[str, list[Mapping[str, Any]]],
    state: Mapping[str, Any],
    choice: Choice,
) -> frozenset[str]:
    """The e-mails an edited order, or one with an edited buyer, may have been sent to before."""
    earlier = state.get("earlier", {})
    found = set()
    for before in [*earlier.get(str(order["order_id"]), ()), order]:
        buyer, _ = _buyer(before, phones, choice)
        if buyer is None:
            continue
        found.add(str(buyer["email"]).lower())
        if buyer is not before:
            found |= {str(one["email"]).lower() for one in earlier.get(str(buyer["order_id"]), ()) if one["email"]}
    return frozenset(found)


def _buyer(
    order: Mapping[str, Any], phones: Mapping[str, list[Mapping[str, Any]]], choice: Choice
) -> tuple[Mapping[str, Any] | None, str]:
    """The order whose e-mail it goes to: its own, or the buyer's newest one in another shop; or why to none."""
    source = order["order_source"]
    if source == "order_return":
        return None, "return_order"
    if source == "shop" and choice.skip_shop_orders:
        return None, "shop_order"
    if not order["confirmed"]:
        return None, "unconfirmed"
    if choice.foreign_currency == "skip" and _foreign(order, choice) not in {"", *choice.exchange_rates}:
        return None, "foreign_currency"
    if _by_phone(order):
        unknown = "allegro_buyer_unknown" if source == "allegro" else "masked_email"
        phone = _nine(order["phone"])
        if len(phone) < 9 or len(set(phone)) == 1 or phone in DUMMIES:
            return None, unknown
        earlier = [
            other
            for other in phones.get(phone, [])
            if other["confirmed"]
            and other["order_source"] not in {"allegro", "order_return"}
            and other["email"]
            and not _masked(other["email"])
            and other["date_add"] < order["date_add"]
        ]
        if not earlier:
            return None, unknown
        return max(earlier, key=lambda other: other["date_add"]), "sent"
    return (order, "sent") if order["email"] else (None, "no_email")


def _by_phone(order: Mapping[str, Any]) -> bool:
    return order["order_source"] == "allegro" or _masked(str(order["email"]))


def _masked(email: str) -> bool:
    host = "." + email.lower().split("@")[-1]
    return any(host.endswith("." + mask) for mask in MASKS) or any("." + mask in host for mask in MASKS_OF_EACH_COUNTRY)


def _nine(phone: str) -> str:
    digits = "".join(letter for letter in str(phone) if letter in "0123456789")
    return digits[-9:]


def _tag(text: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-([{)]}_") else "_"
                   for letter in text.upper().translate(PLAIN))  # fmt: skip


def _tags(order: Mapping[str, Any], sources: Mapping[str, Any], choice: Choice) -> frozenset[str]:
    tags = {_tag(part.strip()) for part in choice.contact_tag.split(",") if part.strip()}
    code = order["order_source"]
    if choice.tag_order_source in {"code", "both"}:
        tags.add(_tag(f"BASELINKER_{code}"))
    if choice.tag_order_source in {"name", "both"}:
        group = sources.get(code, {})
        names = dict(enumerate(group)) if isinstance(group, list) else {int(key): name for key, name in group.items()}
        name = names.get(int(order["order_source_id"]))
        tags.add(_tag(f"BASELINKER_{code}_{name}" if name else f"BASELINKER_{code}"))
    return frozenset(tags)


def _products(order: Mapping[str, Any], field: str) -> str:
    text = ""
    for line in order["products"]:
        item = str(line[field])
        if item in {"", "0"}:
            continue
        if len(text) + len(item) + bool(text) > 512:
            break
        text = f"{text},{item}" if text else item
    return text
