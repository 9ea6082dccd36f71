"""The value that is sent: converted to the cent where there is a rate, untouched everywhere else."""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from clients import OrderProduct
from operations.explain import fresh_read
from processor.decide.currency import CurrencyRules, money_of
from processor.decide.explain import explain
from processor.decide.fingerprint import fingerprint
from processor.decide.mapping import to_purchase
from processor.decide.rules import Enriched, RuleSettings, Send, Skip, SkipReason, decide, purchase_of
from runtime.currencies import CURRENCIES
from tests.processor.shop import an_order

FIVE = RuleSettings(location="sklep")
POLISH = CurrencyRules("PLN", (("EUR", Decimal("4.27")), ("CZK", Decimal("0.1735"))))


def worth(price: str, currency: str = "EUR", quantity: int = 1) -> Enriched:
    """An order of so much in all."""
    line = OrderProduct(product_id="11", name="Kubek", price_brutto=Decimal(price), quantity=quantity)
    return Enriched(an_order(7, currency=currency, delivery_price=Decimal(0), products=(line,)))


def sent(enriched: Enriched, currency: CurrencyRules) -> str:
    """The value of the purchase."""
    verdict = decide(enriched, True, replace(FIVE, currency=currency))
    assert isinstance(verdict, Send)
    assert verdict.purchase is not None
    return str(verdict.purchase.value)


@pytest.mark.parametrize(
    ("price", "rate", "value"),
    [
        ("50", "4.27", "213.50"),
        ("10", "1.0005", "10.01"),  # 10.005: half up, where a float is 10.00
        ("1", "1.005", "1.01"),
        ("1", "1.0049999999", "1.00"),
        ("2.675", "1", "2.68"),  # the value has two places before it is converted
        ("10.005", "10", "100.10"),
        ("0", "4.27", "0.00"),
        ("-5", "4.27", "0.00"),
        ("0.01", "0.0000000001", "0.00"),
        ("0.01", "0.5", "0.01"),
        ("12345678901234.56", "4.27", "52716048908271.57"),
        ("99999999999999.99", "9999999.0000000001", "9999999999999999.99"),  # the most that the API takes
    ],
)
def test_a_foreign_value_is_multiplied_and_rounded_half_up_at_the_cent(price: str, rate: str, value: str) -> None:
    assert sent(worth(price), CurrencyRules("PLN", (("EUR", Decimal(rate)),))) == value


def test_the_value_does_not_hang_on_the_thread_s_decimal_context() -> None:
    with localcontext(prec=6):
        money = money_of(replace(an_order(), delivery_price=Decimal("1000"), products=()), POLISH)
        assert money.sent == Decimal("1000.00")
        german = an_order(currency="EUR", delivery_price=Decimal("1234.56"), products=())
        assert money_of(german, POLISH).sent == Decimal("5271.57")


@pytest.mark.parametrize("currency", ["PLN", "pln", " Pln ", ""])
@pytest.mark.parametrize("skip", [False, True])
def test_an_order_in_the_shop_s_currency_or_in_none_is_sent_as_it_is(currency: str, skip: bool) -> None:
    assert sent(worth("50", currency), replace(POLISH, skip_foreign=skip)) == "50.00"


@pytest.mark.parametrize("currency", ["EUR", "eur", " Eur"])
def test_an_order_s_currency_has_a_rate_in_upper_and_lower_case(currency: str) -> None:
    assert sent(worth("50", currency), POLISH) == "213.50"


def test_an_order_without_a_rate_is_sent_as_it_is_unless_the_shop_skips_it() -> None:
    assert sent(worth("50", "USD"), POLISH) == "50.00"
    skipping = replace(FIVE, currency=replace(POLISH, skip_foreign=True))
    assert decide(worth("50", "USD"), True, skipping) == Skip(SkipReason.FOREIGN_CURRENCY, keeps_due=True)
    assert isinstance(decide(worth("50", "EUR"), True, skipping), Send)


def test_a_skipped_foreign_order_s_contact_is_not_written_either() -> None:
    assert not isinstance(
        decide(worth("50", "USD"), False, replace(FIVE, currency=CurrencyRules("PLN", (), True))), Send
    )


@pytest.mark.parametrize("currency", ["PLN", "EUR", "", "?"])
def test_without_a_shop_currency_nothing_differs(currency: str) -> None:
    order = worth("10.005", currency)
    assert order.order is not None
    assert purchase_of(order.order, FIVE).to_json() == to_purchase(order.order, "sklep", "product_id").to_json()
    assert "currency" not in {verdict.rule for verdict in explain(order, True, FIVE)}
    assert fresh_read(order, True, None, FIVE, reveal=False).money is None


def test_a_converted_purchase_differs_in_its_value_alone() -> None:
    order = worth("50").order
    assert order is not None
    plain, converted = purchase_of(order, FIVE), purchase_of(order, replace(FIVE, currency=POLISH))
    assert replace(converted, value=plain.value).to_json() == plain.to_json()
    assert converted.details[8] == "EUR", "the order's own currency stays to be seen"


def test_another_rate_makes_another_fingerprint_of_foreign_purchases_alone() -> None:
    def print_of(currency: str, rate: str) -> str:
        order = worth("50", currency).order
        assert order is not None
        rules = replace(FIVE, currency=CurrencyRules("PLN", (("EUR", Decimal(rate)),)))
        return fingerprint(purchase_of(order, rules).to_json(), b"secret")

    assert print_of("EUR", "4.27") != print_of("EUR", "4.28")
    assert print_of("PLN", "4.27") == print_of("PLN", "4.28")


@pytest.mark.parametrize(
    ("currency", "skip", "text", "decided"),
    [
        ("EUR", True, "50.00 EUR × 4.27 = 213.50 PLN", "a PURCHASE of 213.50 PLN"),
        ("usd", False, "50.00 USD: no rate in EXCHANGE_RATES, sent as 50.00 PLN", "a PURCHASE of 50.00 usd"),
        ("USD", True, "50.00 USD: no rate in EXCHANGE_RATES, and FOREIGN_CURRENCY=skip", None),
        ("PLN", True, "50.00 PLN", "a PURCHASE of 50.00 PLN"),
        ("", True, "50.00 PLN: the order names no currency", "a PURCHASE of 50.00"),
    ],
)
def test_explain_shows_the_order_s_value_the_rate_and_what_is_sent(
    currency: str, skip: bool, text: str, decided: str | None
) -> None:
    rules = replace(FIVE, currency=replace(POLISH, skip_foreign=skip))
    found = {one.rule: one for one in explain(worth("50", currency), True, rules)}
    assert found["currency"].text == text
    assert (found["purchase"].text if "purchase" in found else None) == decided


@pytest.mark.parametrize("currency", sorted({"EUR", "CZK", "USD", "PLN", ""} | set(sorted(CURRENCIES)[:5])))
@pytest.mark.parametrize("price", ["0", "0.01", "33.335", "149.9"])
def test_what_is_sent_is_what_explain_shows(currency: str, price: str) -> None:
    fresh = fresh_read(worth(price, currency, 3), True, None, replace(FIVE, currency=POLISH), reveal=False)
    assert fresh.money is not None
    assert fresh.payload is not None
    assert Decimal(str(fresh.payload["contactEvent"]["value"])) == fresh.money.sent
    assert f"{fresh.money.sent}" in {one.rule: one.text for one in fresh.rules}["currency"]


def test_explain_names_no_money_where_nothing_is_sent_of_it() -> None:
    rules = replace(FIVE, currency=replace(POLISH, skip_foreign=True))
    assert fresh_read(worth("50"), False, None, rules, reveal=False).money is None
    unusable = Enriched(replace(an_order(currency="EUR"), email=""))
    assert fresh_read(unusable, True, None, rules, reveal=False).money is None
    skipped = fresh_read(worth("50", "USD"), True, None, rules, reveal=False)
    assert (skipped.decision, skipped.money and skipped.money.treatment) == ("skip: foreign_currency", "skipped")
