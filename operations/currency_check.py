"""What `check` and `init` say of SHOP_CURRENCY: beside the catalogue's, and the last orders beside both. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from clients import Catalog, Order
from operations.finding import Finding
from processor.decide.currency import CurrencyRules, currency_of, treatment_of
from processor.decide.rule_settings import rule_settings
from processor.decide.rules import RuleSettings, SkipReason, before_email, first_stop
from runtime.currencies import CURRENCIES
from runtime.settings import Settings


def check_currency(
    orders: Sequence[Order], catalogs: Sequence[Catalog] | None, settings: Settings
) -> Iterator[Finding]:
    """Yield what there is to say: nothing where SHOP_CURRENCY is unset and no two currencies are seen.

    Orders that are not sent for another reason do not count; one that names no currency is in the shop's.
    """
    rules = rule_settings(settings)
    listed, shop = catalog_currency(settings.salesmanago_location, catalogs), settings.shop_currency
    if text := mismatch(settings, catalogs):
        yield Finding("currency", "warning", text, f"otherwise set SHOP_CURRENCY={listed}, and the rates to it")
    elif shop and listed:
        yield Finding("currency", "ok", f"SHOP_CURRENCY is {shop}, as in the product catalogue")
    counts = Counter(currency_of(order) for order in orders if _would_go(order, rules))
    total = counts.total()
    del counts[""]
    if total and shop:
        del counts[shop]
        yield _foreign(counts, total, rules.currency)
    elif len({*counts, *filter(None, [listed])}) > 1:
        yield _uncompared(counts, total, listed)


def mismatch(settings: Settings, catalogs: Sequence[Catalog] | None) -> str:
    """Return what to report of a SHOP_CURRENCY that is not the product catalogue's; "" where there is nothing."""
    listed, shop = catalog_currency(settings.salesmanago_location, catalogs), settings.shop_currency
    if not shop or listed in {"", shop}:
        return ""
    return f"SHOP_CURRENCY is {shop}, and the product catalogue {settings.salesmanago_location} is in {listed}"


def catalog_currency(location: str, catalogs: Sequence[Catalog] | None) -> str:
    """Return the currency of the product catalogue of a location; "" where that is not known."""
    found = (one.currency.strip().upper() for one in catalogs or () if one.location == location)
    return next((one for one in found if one in CURRENCIES), "")


def _would_go(order: Order, rules: RuleSettings) -> bool:
    return first_stop(before_email(order, rules)) in {None, SkipReason.FOREIGN_CURRENCY}


def _foreign(counts: Mapping[str, int], total: int, rules: CurrencyRules) -> Finding:
    """How many of the last orders are in another currency than SHOP_CURRENCY, and what becomes of each."""
    if not counts:
        return Finding("orders' currencies", "ok", f"the last {total} orders are in {rules.shop}")
    treatments = {currency: treatment_of(currency, rules) for currency in counts}
    parts = []
    for currency, count in Counter(counts).most_common():
        becomes = {
            "converted": f"converted at {rules.rate_of(currency)}",
            "unconverted": f"sent unconverted, 50 {currency} count as 50 {rules.shop}",
            "skipped": "not sent",
        }[treatments[currency]]
        parts.append(f"{count} in {currency}: {becomes}")
    text = f"{sum(counts.values())} of the last {total} orders are not in {rules.shop} ({'; '.join(parts)})"
    without = sorted(currency for currency, treatment in treatments.items() if treatment != "converted")
    mend = f"give EXCHANGE_RATES the rates of {', '.join(without)}" if without else ""
    return Finding("orders' currencies", "warning" if "unconverted" in treatments.values() else "note", text, mend)


def _uncompared(counts: Counter[str], total: int, listed: str) -> Finding:
    """SHOP_CURRENCY is unset, and the orders are in several currencies, or not in the catalogue's."""
    shop = listed or counts.most_common(1)[0][0]
    other = next(currency for currency, _ in counts.most_common() if currency != shop)
    parts = ", ".join(f"{count} in {currency}" for currency, count in counts.most_common())
    where = f", and the product catalogue is in {listed}" if listed else ""
    return Finding(
        "orders' currencies", "warning",
        f"of the last {total} orders {parts}{where}: nothing is converted, 50 {other} count as 50 {shop}",
        f"set SHOP_CURRENCY={shop}, and EXCHANGE_RATES",
    )  # fmt: skip
