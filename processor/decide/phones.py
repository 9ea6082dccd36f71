"""Phone numbers: one normal form (E.164) for comparing and sending, and the spellings a shop may have typed."""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from clients import Order

FALLBACK_REGION = "PL"
SHORTEST_NATIONAL = 7
LONGEST_TYPED = 250  # BaseLinker's field holds 100; beyond that no number is looked for
_COUNTED = ("01234567890123456789", "98765432109876543210")
_OTHER_NAMES = {"UK": "GB", "EL": "GR"}
_BETWEEN_TWO = re.compile(r"[,;|/]|\b(?:lub|albo|or|oder|tel|wew|ext)\b", re.IGNORECASE)


def phone_of(order: Order) -> str | None:
    """Return the order's phone as E.164, read with the countries of its addresses; None for none and for dummies."""
    return normal(order.phone, order.delivery_country_code, order.invoice_country_code)


@lru_cache(4096)  # each order's phone is asked for several times
def normal(phone: str, *country_codes: str) -> str | None:
    """Return E.164, or None for what is no number, or a dummy.

    A valid number of the first country that has it wins; one that is only of a possible length comes second, because
    new number ranges are open before the metadata know them.
    """
    possible: PhoneNumber | None = None
    for text in _texts(phone):
        for region in _regions(country_codes):
            number = _parse(text, region)
            if number is None:
                continue
            if phonenumbers.is_valid_number(number):
                return _unless_dummy(number)
            if possible is None and _is_possible(number):
                possible = number
    return _unless_dummy(possible) if possible is not None else None


def is_dummy(national: str) -> bool:
    """Whether these national digits were typed to fill a field: one digit repeated, counted up or down, too few."""
    return (
        len(national) < SHORTEST_NATIONAL or len(set(national)) == 1 or any(national in counted for counted in _COUNTED)
    )


@lru_cache(4096)
def is_filler(e164: str) -> bool:
    """Whether the number may be somebody's, but is more often typed for want of one: 123123123, 600000000, 111222333.

    Such a number says nothing about who the buyer is.
    """
    digits = _national(phonenumbers.parse(e164))
    patterned = digits == (digits[:3] * len(digits))[: len(digits)] or digits == "".join(d * 3 for d in digits[::3])
    return len(set(digits)) <= 2 or patterned


def spellings(e164: str) -> tuple[str, ...]:
    """Return at most three spellings to ask for: national, with plus, without plus."""
    return tuple(dict.fromkeys((_national(phonenumbers.parse(e164)), e164, e164.removeprefix("+"))))


def has_country_code(phone: str, e164: str) -> bool:
    """Whether the number was typed with its country code."""
    return re.sub(r"[^0-9]", "", phone).removeprefix("00") == e164.removeprefix("+")


def _texts(phone: str) -> Iterator[str]:
    """The readings of a field: as it is, without an old trunk zero, with 00 as plus; then the first of two numbers."""
    phone = phone[:LONGEST_TYPED]
    parts = [phone, *(part for part in _BETWEEN_TWO.split(phone) if part.strip())]
    for text in dict.fromkeys(part.strip() for part in parts):
        yield text
        if text.startswith("00"):
            yield f"+{text.lstrip('0')}"
        if text.startswith("0"):
            yield text.lstrip("0")


def _regions(country_codes: tuple[str, ...]) -> list[str]:
    """A code nobody knows reads only numbers with a plus; no code at all means the shop's own country."""
    given = [code.strip().upper() for code in country_codes if code.strip()]
    return list(dict.fromkeys(_OTHER_NAMES.get(code, code) for code in given)) or [FALLBACK_REGION]


def _parse(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _is_possible(number: PhoneNumber) -> bool:
    with_area = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return with_area and not number.italian_leading_zero


def _national(number: PhoneNumber) -> str:
    return phonenumbers.national_significant_number(number)


def _unless_dummy(number: PhoneNumber) -> str | None:
    return None if is_dummy(_national(number)) else phonenumbers.format_number(number, PhoneNumberFormat.E164)
