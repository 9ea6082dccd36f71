"""Phone numbers: one normal form (E.164) for comparing and sending, and the spellings a shop may have typed."""

import phonenumbers

FALLBACK_REGION = "PL"
_SEQUENCES = ("0123456789", "1234567890", "123456789", "987654321")


def normal(phone: str, country_code: str) -> str | None:
    """Return E.164, or None for what is no possible number, or a dummy."""
    region = country_code.upper() if len(country_code) == 2 else FALLBACK_REGION
    for text in (phone, f"+{phone.lstrip('0')}" if phone.startswith("00") else ""):
        if not text:
            continue
        try:
            parsed = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(parsed):
            national = str(parsed.national_number)
            if is_dummy(national):
                return None
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None


def is_dummy(national: str) -> bool:
    """Whether these national digits are typed to fill a field: one digit repeated, or counted up."""
    return len(national) < 6 or len(set(national)) <= 1 or national in _SEQUENCES


def spellings(e164: str) -> tuple[str, ...]:
    """Return at most three spellings to ask for: with plus, national, without plus."""
    parsed = phonenumbers.parse(e164)
    national = phonenumbers.national_significant_number(parsed)
    return tuple(dict.fromkeys((e164, national, e164.removeprefix("+"))))
