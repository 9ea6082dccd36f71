"""Which orders are sent, and why not: pure, and told as a list of verdicts that `explain` shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clients import Contact, Order, PurchaseEvent
from processor.decide.currency import CurrencyRules, Money, money_of
from processor.decide.mapping import date_of, to_contact, to_purchase
from processor.decide.tags import TagSource, tags_for
from runtime.relay_domains import RELAY_DOMAINS, covers, host_of

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
LONGEST_LOCAL, LONGEST_LABEL, LONGEST_EMAIL = 64, 63, 254


class SkipReason(StrEnum):
    """Why an order is not sent."""

    ORDER_UNKNOWN = "order_unknown"
    RETURN_ORDER = "return_order"
    SHOP_ORDER = "shop_order"
    UNCONFIRMED = "unconfirmed"
    FOREIGN_CURRENCY = "foreign_currency"
    ALLEGRO_BUYER_UNKNOWN = "allegro_buyer_unknown"
    MASKED_EMAIL = "masked_email"
    NO_EMAIL = "no_email"
    INVALID_EMAIL = "invalid_email"
    UNDATED = "undated"


BY_SHOPS_CHOICE = frozenset({SkipReason.SHOP_ORDER, SkipReason.RETURN_ORDER})


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What the shop chose."""

    location: str
    contact_tag: str = ""
    tag_order_source: TagSource = "none"
    skip_shop_orders: bool = False
    product_id_field: str = "product_id"
    masked_email_domains: tuple[str, ...] = RELAY_DOMAINS
    currency: CurrencyRules = field(default_factory=CurrencyRules)


@dataclass(frozen=True, slots=True, repr=False)
class Enriched:
    """An order as read (None = BaseLinker does not know it), the e-mail found by phone, the shop's sources."""

    order: Order | None
    buyer_email: str | None = None
    sources: dict[str, dict[int, str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Enriched(order={self.order!r})"


@dataclass(frozen=True, slots=True)
class Send:
    """Write this contact, and this purchase if one is due."""

    contact: Contact
    purchase: PurchaseEvent | None


@dataclass(frozen=True, slots=True)
class Skip:
    """Write nothing; `keeps_due` = a purchase that was due stays so."""

    reason: SkipReason
    keeps_due: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's word on an order; `stops` = the order is skipped for it."""

    rule: str
    stops: SkipReason | None
    text: str


def is_masked(email: str, rules: RuleSettings) -> bool:
    """Whether the mailbox is a marketplace's relay: its host is one of the domains, or below one."""
    return covers(rules.masked_email_domains, host_of(email))


def is_usable(email: str) -> bool:
    """Whether SALESmanago would take the e-mail: RFC 822 without quotes, 64 characters before the @, 254 in all."""
    local, _, host = email.rpartition("@")
    labels = host.split(".")
    return (
        len(email) <= LONGEST_EMAIL
        and len(local) <= LONGEST_LOCAL
        and _LOCAL.fullmatch(local) is not None
        and len(labels) > 1
        and all(len(label) <= LONGEST_LABEL and _LABEL.fullmatch(label) for label in labels)
        and len(labels[-1]) > 1
        and not labels[-1].isdigit()
    )


def source_of(order: Order) -> str:
    """Return the source's code in lower case."""
    return order.order_source.strip().lower()


def is_allegro(order: Order) -> bool:
    """Whether the order came through Allegro."""
    return source_of(order) == "allegro"


def needs_buyer(order: Order, rules: RuleSettings) -> bool:
    """Whether the buyer must be found by phone: only then is a look-up made."""
    return first_stop(before_email(order, rules)) is None and is_anonymous(order, rules)


def is_anonymous(order: Order, rules: RuleSettings) -> bool:
    """Whether the order's own e-mail says nothing of the buyer: Allegro's, or any masked mailbox."""
    return is_allegro(order) or is_masked(order.email, rules)


def before_email(order: Order, rules: RuleSettings) -> list[Verdict]:
    """The rules that need no look-up, in the order they hold."""
    source = source_of(order)
    returned, shop = source == "order_return", source == "shop"
    found = [
        Verdict(
            "return", SkipReason.RETURN_ORDER if returned else None, "made from a return" if returned else "no return"
        ),
        Verdict(
            "SKIP_SHOP_ORDERS",
            SkipReason.SHOP_ORDER if shop and rules.skip_shop_orders else None,
            f"source {source or 'unknown'}, setting {'on' if rules.skip_shop_orders else 'off'}",
        ),
        Verdict(
            "confirmed",
            None if order.confirmed else SkipReason.UNCONFIRMED,
            "confirmed" if order.confirmed else "not confirmed yet",
        ),
    ]
    if rules.currency.shop:
        money = money_of(order, rules.currency)
        skipped = money.treatment == "skipped"
        found.append(Verdict("currency", SkipReason.FOREIGN_CURRENCY if skipped else None, str(money)))
    return found


def verdicts(enriched: Enriched, purchase: bool, rules: RuleSettings) -> list[Verdict]:
    """Every rule's word; the first that stops decides."""
    order = enriched.order
    if order is None:
        return [Verdict("known", SkipReason.ORDER_UNKNOWN, "BaseLinker does not know this order")]
    found = before_email(order, rules)
    email = recipient(enriched, rules)
    if is_anonymous(order, rules):
        rule, reason = (
            ("allegro", SkipReason.ALLEGRO_BUYER_UNKNOWN)
            if is_allegro(order)
            else ("relay address", SkipReason.MASKED_EMAIL)
        )
        text = "bought before under the same phone" if email else "no earlier order under the same phone elsewhere"
        found.append(Verdict(rule, None if email else reason, text))
    else:
        found.append(Verdict("e-mail", None if email else SkipReason.NO_EMAIL, "has one" if email else "has none"))
    if email:
        usable = is_usable(email)
        text = "can be written to" if usable else "is no address that SALESmanago takes"
        found.append(Verdict("e-mail form", None if usable else SkipReason.INVALID_EMAIL, text))
    if purchase:
        dated = date_of(order) is not None
        text = "has a date" if dated else "a purchase needs a date, the order has none"
        found.append(Verdict("date", None if dated else SkipReason.UNDATED, text))
    return found


def recipient(enriched: Enriched, rules: RuleSettings) -> str:
    """Return the e-mail to write to, as it was typed; "" for none."""
    order = enriched.order
    if order is None:
        return ""
    return ((enriched.buyer_email or "") if is_anonymous(order, rules) else order.email).strip()


def tags_of(order: Order, sources: Mapping[str, Mapping[int, str]], rules: RuleSettings) -> tuple[str, ...]:
    """Return the tags the shop chose for this order's contact."""
    return tags_for(rules.contact_tag, rules.tag_order_source, order.order_source, order.order_source_id, sources)


def purchase_of(order: Order, rules: RuleSettings) -> PurchaseEvent:
    """Return the purchase as it is sent, its value converted where the shop gave a rate."""
    return to_purchase(order, rules.location, rules.product_id_field, money_of(order, rules.currency).sent)


def first_stop(found: list[Verdict]) -> SkipReason | None:
    """The reason that decides, if any."""
    return next((verdict.stops for verdict in found if verdict.stops is not None), None)


def money_judged(enriched: Enriched, purchase: bool, verdict: "Send | Skip", rules: RuleSettings) -> Money | None:
    """Return the money of a purchase that is sent, or that is skipped for its currency; None for anything else."""
    sent = isinstance(verdict, Send) or verdict.reason is SkipReason.FOREIGN_CURRENCY
    return money_of(enriched.order, rules.currency) if enriched.order is not None and purchase and sent else None


def decide(enriched: Enriched, purchase: bool, rules: RuleSettings) -> Send | Skip:
    """Send or skip; pure, and never raises for an order that was read."""
    stop = first_stop(verdicts(enriched, purchase, rules))
    if stop is not None:
        return Skip(stop, keeps_due=stop not in BY_SHOPS_CHOICE)
    order = enriched.order
    assert order is not None
    event = purchase_of(order, rules) if purchase else None
    return Send(to_contact(order, recipient(enriched, rules), tags_of(order, enriched.sources, rules)), event)
