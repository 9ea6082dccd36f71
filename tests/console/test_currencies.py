"""What the overview says of purchases in other currencies."""

from dataclasses import replace
from typing import get_args

import pytest

from console.currencies import FOREIGN, sentence
from console.words import Words
from operations.endpoints import InCurrency
from processor.decide.currency import Treatment
from tests.console.test_overview import HEALTHY, shown

ENGLISH = Words("en")


@pytest.mark.parametrize(
    "counts",
    [(), (InCurrency("PLN", "own", 100),), (InCurrency("EUR", "as_it_is", 9), InCurrency("none", "as_it_is", 1))],
)
def test_nothing_is_said_where_all_purchases_are_in_one_currency(counts: tuple[InCurrency, ...]) -> None:
    assert sentence(counts, ENGLISH) == ""
    assert 'id="currencies"' not in shown(replace(HEALTHY, currencies=counts), part="numbers")


def test_foreign_purchases_are_counted_with_what_becomes_of_them() -> None:
    counts = (
        InCurrency("PLN", "own", 86),
        InCurrency("EUR", "converted", 9),
        InCurrency("other", "unconverted", 3),
        InCurrency("CZK", "skipped", 2),
    )
    said = sentence(counts, ENGLISH)
    assert "of the last 100 purchases: 9 in EUR, converted; 3 in an unknown currency, sent unconverted" in said
    assert "2 in CZK, not sent" in said
    assert "9 w EUR, przeliczane" in shown(replace(HEALTHY, currencies=counts), part="numbers")


def test_several_currencies_without_a_shop_currency_are_said_to_count_as_one() -> None:
    counts = (InCurrency("EUR", "as_it_is", 12), InCurrency("PLN", "as_it_is", 87), InCurrency("none", "as_it_is", 1))
    assert "The last 100 purchases came in several currencies: 87 × PLN, 12 × EUR" in sentence(counts, ENGLISH)
    assert "50 EUR count as 50 PLN" in sentence(counts, ENGLISH)


def test_every_treatment_of_a_foreign_value_has_words() -> None:
    assert set(get_args(Treatment)) == {"as_it_is", "own", *FOREIGN}
    for treatment in FOREIGN:
        assert ENGLISH.has(f"overview.currency_{treatment}")
        assert ENGLISH.has(f"order.money_{treatment}")
