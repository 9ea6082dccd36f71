"""Phones compare equal however they were typed, and what nobody's phone is compares with nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.decide.phones import has_country_code, is_filler, normal, spellings

SAME = "+48693123123"


@pytest.mark.parametrize(
    "typed",
    [
        "693123123", "693 123 123", "693-123-123", "+48693123123", "+48 693 123 123", "0048693123123", "48693123123",
        "(+48) 693123123", "0693123123", "693123123/601222333", "693123123, 601222333", "693 123 123 lub 601 222 333",
        "tel. 693-123-123 wew. 12",
    ],
)  # fmt: skip
def test_a_polish_number_is_the_same_however_it_is_typed(typed: str) -> None:
    assert normal(typed, "PL") == SAME
    assert normal(typed, "") == SAME


@pytest.mark.parametrize(
    ("typed", "countries", "e164"),
    [
        ("030 901820", ("DE",), "+4930901820"),
        ("07400 123456", ("UK",), "+447400123456"),
        ("601 123 456", ("CZ",), "+420601123456"),
        ("+48 693 123 123", ("DE",), SAME),
        ("+48 693 123 123", ("XX",), SAME),
        ("693123123", ("XX",), None),
        ("0048693123123", ("US",), SAME),
        ("693123123", ("LU", "PL"), SAME),
        ("06 12345678", ("it",), "+390612345678"),
    ],
)
def test_the_orders_country_reads_the_number(typed: str, countries: tuple[str, ...], e164: str | None) -> None:
    assert normal(typed, *countries) == e164


@pytest.mark.parametrize(
    "typed",
    ["", "brak", "-", "0", "000000000", "+48000000000", "111111111", "+48 111111111", "123456789", "987654321",
     "0123456789", "12345", "693", "x" * 300, "\ud800", "+", "00", "++48"],
)  # fmt: skip
def test_dummies_and_what_is_no_number_are_no_phone(typed: str) -> None:
    assert normal(typed, "PL") is None


@pytest.mark.parametrize(
    ("e164", "filler"),
    [
        ("+48123123123", True), ("+48600600600", True), ("+48500000000", True), ("+48666777888", True),
        (SAME, False), ("+48601234567", False),
    ],
)  # fmt: skip
def test_a_pattern_says_nothing_about_who_the_buyer_is(e164: str, filler: bool) -> None:
    assert is_filler(e164) is filler


def test_three_spellings_are_asked_for_at_most() -> None:
    assert spellings(SAME) == ("693123123", SAME, "48693123123")


@pytest.mark.parametrize(
    ("typed", "coded"), [("+48 693-123-123", True), ("0048693123123", True), ("693 123 123", False), ("", False)]
)
def test_a_typed_country_code_is_seen(typed: str, coded: bool) -> None:
    assert has_country_code(typed, SAME) is coded


@given(st.text(alphabet=st.sampled_from("0123456789+-() /,;xA\ud800٣"), max_size=40) | st.text(), st.text(max_size=3))
def test_any_text_is_a_phone_that_reads_the_same_again_or_none(typed: str, country: str) -> None:
    e164 = normal(typed, country)
    if e164 is not None:
        assert normal(e164, country) == e164
        assert normal(e164) == e164
        assert 1 <= len(spellings(e164)) <= 3
        is_filler(e164)
