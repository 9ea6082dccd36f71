"""The value that is sent: an order's own, or converted into the currency of the e-shop. Pure; Decimal throughout."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from clients import Order
from processor.decide.mapping import order_value, plain, two_places

# as_it_is: no SHOP_CURRENCY, nothing is compared; own: the shop's; the others are foreign
Treatment = Literal["as_it_is", "own", "converted", "unconverted", "skipped"]
LONGEST_CODE = 10


@dataclass(frozen=True, slots=True)
class CurrencyRules:
    """`shop` "" = nothing is compared; `rates` = code → how much of the shop's currency one unit is."""

    shop: str = ""
    rates: tuple[tuple[str, Decimal], ...] = ()
    skip_foreign: bool = False

    def rate_of(self, code: str) -> Decimal | None:
        """Return a currency's rate, if it has one."""
        return dict(self.rates).get(code)


@dataclass(frozen=True, slots=True)
class Money:
    """An order's value in its currency ("" = it names none), and what is sent of it; `rate` None = not converted."""

    value: Decimal
    currency: str
    treatment: Treatment
    rate: Decimal | None
    sent: Decimal
    shop_currency: str

    def __str__(self) -> str:
        """What is sent and why, for `explain`."""
        own = f"{self.value} {self.currency or self.shop_currency}"
        if self.treatment == "converted":
            return f"{own} × {self.rate} = {self.sent} {self.shop_currency}"
        if self.treatment == "unconverted":
            return f"{own}: no rate in EXCHANGE_RATES, sent as {self.sent} {self.shop_currency}"
        if self.treatment == "skipped":
            return f"{own}: no rate in EXCHANGE_RATES, and FOREIGN_CURRENCY=skip"
        return own if self.currency else f"{own}: the order names no currency"


def currency_of(order: Order) -> str:
    """Return the order's currency in upper case, fit for a screen; "" where it names none."""
    return plain(order.currency, LONGEST_CODE).upper()


def treatment_of(currency: str, rules: CurrencyRules) -> Treatment:
    """Return what becomes of a value in a currency, as `currency_of` returns it."""
    if not rules.shop:
        return "as_it_is"
    if currency in {"", rules.shop}:
        return "own"
    if rules.rate_of(currency) is not None:
        return "converted"
    return "skipped" if rules.skip_foreign else "unconverted"


def money_of(order: Order, rules: CurrencyRules) -> Money:
    """Return the order's value and what is sent: the value in two places, times the rate, in two places, half up."""
    value, currency = order_value(order), currency_of(order)
    treatment = treatment_of(currency, rules)
    rate = rules.rate_of(currency) if treatment == "converted" else None
    sent = value
    if rate is not None:
        with localcontext(prec=50):  # the product has up to 35 digits
            sent = two_places(value * rate)
    return Money(value, currency, treatment, rate, sent, rules.shop)
