"""What check says of currencies: the settings beside the product catalogue and the last orders. Pure."""

from collections.abc import Sequence

import pytest

from clients import Catalog, Order
from operations.currency_check import catalog_currency, check_currency
from runtime.settings import Settings, load_settings
from tests.processor.shop import an_order

LISTED = [Catalog("c1", "Sklep", "sklep", "pln", True), Catalog("c2", "Shop", "shop", "EUR", False)]


def settings(**given: str) -> Settings:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "k:9092", "SALESMANAGO_LOCATION": "sklep", **given}
    return load_settings(environ, None, "kafka")


def said(orders: Sequence[Order], catalogs: Sequence[Catalog] | None = None, **given: str) -> list[tuple[str, str]]:
    return [(one.state, one.text) for one in check_currency(orders, catalogs, settings(**given))]


def in_currencies(*currencies: str) -> list[Order]:
    return [an_order(number, currency=currency) for number, currency in enumerate(currencies, 1)]


@pytest.mark.parametrize("catalogs", [None, [], LISTED])
@pytest.mark.parametrize("currencies", [[], ["PLN", "pln", ""], [""]])
def test_nothing_is_said_of_a_shop_with_one_currency_and_no_settings(
    currencies: list[str], catalogs: list[Catalog] | None
) -> None:
    assert said(in_currencies(*currencies), catalogs) == []


def test_an_unset_currency_is_a_warning_where_orders_come_in_several() -> None:
    (finding,) = check_currency(in_currencies("PLN", "PLN", "EUR"), None, settings())
    assert finding.state == "warning"
    assert finding.text == "of the last 3 orders 2 in PLN, 1 in EUR: nothing is converted, 50 EUR count as 50 PLN"
    assert "SHOP_CURRENCY=PLN" in finding.mend


def test_an_unset_currency_is_a_warning_where_the_catalogue_is_in_another_than_the_orders() -> None:
    ((state, text),) = said(in_currencies("EUR"), LISTED)
    assert (state, "50 EUR count as 50 PLN" in text) == ("warning", True)


@pytest.mark.parametrize(
    ("currency", "location", "state"),
    [("PLN", "sklep", "ok"), ("pln", "sklep", "ok"), ("PLN", "shop", "warning"), ("EUR", "sklep", "warning")],
)
def test_the_shops_currency_is_compared_with_the_catalogue_of_the_same_location(
    currency: str, location: str, state: str
) -> None:
    ((found, _),) = said([], LISTED, SHOP_CURRENCY=currency, SALESMANAGO_LOCATION=location)
    assert found == state


@pytest.mark.parametrize("catalogs", [None, [], [Catalog("c", "", "sklep", "", True)], LISTED[1:]])
def test_a_catalogue_that_is_not_listed_or_has_no_currency_is_not_compared(catalogs: list[Catalog] | None) -> None:
    assert said([], catalogs, SHOP_CURRENCY="EUR") == []
    assert catalog_currency("sklep", catalogs) == ""


@pytest.mark.parametrize(
    ("given", "state", "text"),
    [
        ({"EXCHANGE_RATES": "EUR:4.27,CZK:0.17"}, "note", "2 in EUR: converted at 4.27; 1 in CZK: converted at 0.17"),
        ({"EXCHANGE_RATES": "EUR:4.27"}, "warning", "1 in CZK: sent unconverted, 50 CZK count as 50 PLN"),
        ({"EXCHANGE_RATES": "EUR:4.27", "FOREIGN_CURRENCY": "skip"}, "note", "1 in CZK: not sent"),
    ],
)
def test_foreign_orders_are_counted_with_what_becomes_of_each_currency(
    given: dict[str, str], state: str, text: str
) -> None:
    ((found, told),) = said(in_currencies("PLN", "eur", "EUR", "CZK", ""), None, SHOP_CURRENCY="PLN", **given)
    assert (found, told.startswith("3 of the last 5 orders are not in PLN")) == (state, True)
    assert text in told


def test_orders_that_are_left_out_for_another_reason_do_not_count() -> None:
    orders = [*in_currencies("PLN"), an_order(9, currency="EUR", order_source="order_return")]
    assert said(orders) == []
    assert said(orders, SHOP_CURRENCY="PLN") == [("ok", "the last 1 orders are in PLN")]
