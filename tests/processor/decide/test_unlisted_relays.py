"""Which domains look like a relay: sets of addresses as marketplaces make them, and as people have them."""

import random
import string
from collections.abc import Callable, Iterable

import pytest

from processor.decide.unlisted_relays import (
    LEAST_ADDRESSES,
    MOST_DOMAINS,
    is_machine_made,
    sighting_of,
    unlisted_relays,
)
from runtime.relay_domains import RELAY_DOMAINS

LOWER, HEX, UPPER = string.ascii_lowercase + string.digits, "0123456789abcdef", string.ascii_uppercase + string.digits
PEOPLE = (
    "jan.kowalski", "anna.nowak", "kasia1985", "m.wisniewska", "piotr_zielinski", "biuro", "sklep", "kontakt",
    "ola2001", "tomek.b", "ewa-kaczmarek", "marcin77", "info", "zuzanna.lewandowska92", "k.a.mazur", "pawel+sklep",
    "agnieszka1", "robert.wojcik", "j.dabrowski84", "monika",
)  # fmt: skip
NAMES = ("anna", "jan", "piotr", "ewa", "ola", "adam", "zofia", "marek", "iga", "olaf")


def found(*emails: str, listed: Iterable[str] = RELAY_DOMAINS) -> dict[str, int]:
    sightings = [sighting_of(email, tuple(listed)) for email in emails]
    return unlisted_relays(one for one in sightings if one is not None)


def drawn(alphabet: str, length: int, count: int = 12) -> list[str]:
    chance = random.Random(f"{alphabet}{length}")
    return ["".join(chance.choices(alphabet, k=length)) for _ in range(count)]


@pytest.mark.parametrize(
    "locals_",
    [
        drawn(LOWER, 14),  # Amazon
        drawn(LOWER, 20),
        [f"{first}+{second}" for first, second in zip(drawn(LOWER, 10), drawn(LOWER, 8), strict=True)],  # Allegro
        drawn(HEX, 32),  # Walmart
        [one.upper() for one in drawn(HEX, 40)],
        [f"customer-{one}" for one in drawn(LOWER, 16)],  # Mirakl
        drawn(UPPER, 27),  # TikTok
        [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in drawn(HEX, 32)],  # a UUID
        [f"{one}_ebay" for one in drawn(LOWER, 12)],
    ],
)
def test_one_machine_made_address_per_order_looks_like_a_relay(locals_: list[str]) -> None:
    assert found(*(f"{local}@mail.market.example" for local in locals_)) == {"mail.market.example": len(locals_)}


@pytest.mark.parametrize(
    "locals_",
    [
        PEOPLE,
        [f"{name}{year}" for name in NAMES for year in (1985, 92, 7)],
        [f"s{number}" for number in range(271_830, 271_850)],  # students
        [f"{number}" for number in range(48_601_234_000, 48_601_234_020)],  # phone numbers
        [f"{name[0]}{number:06}" for number, name in enumerate(NAMES, 100_000)],  # employees
        [f"{name}.{name}+sklep{number}" for number, name in enumerate(NAMES)],
        ["a1b2c3d4e5f6g7"] * 20,  # one person
        [*drawn(LOWER, 14, 4)],  # too few
        [*drawn(LOWER, 14, 5), *PEOPLE],
        [*drawn(LOWER, 14, 6)] * 3,  # they buy again and again
    ],
)
def test_addresses_that_people_have_do_not_look_like_a_relay(locals_: list[str]) -> None:
    assert found(*(f"{local}@firma.example" for local in locals_)) == {}


@pytest.mark.parametrize("host", ["gmail.com", "wp.pl", "o2.pl", "icloud.com", "qq.com", "privaterelay.appleid.com"])
def test_a_mail_provider_is_never_reported(host: str) -> None:
    assert found(*(f"{local}@{host}" for local in drawn(LOWER, 14))) == {}


@pytest.mark.parametrize("host", ["marketplace.amazon.de", "empik.notification.mirakl.net", "allegromail.pl"])
def test_a_listed_domain_is_not_reported(host: str) -> None:
    assert found(*(f"{local}@{host}" for local in drawn(LOWER, 14))) == {}
    assert found(*(f"{local}@a.example.com" for local in drawn(LOWER, 14)), listed=("example.com",)) == {}


def test_a_domain_of_the_default_list_that_the_shops_own_list_lacks_is_reported_from_the_first_order_on() -> None:
    assert found("x@marketplace.amazon.de", listed=("allegromail.pl",)) == {"marketplace.amazon.de": 1}


def test_a_private_domain_is_never_named() -> None:
    assert found(*(f"a1b2c3d4e5f6g{one}h8@kowalscy.example" for one in range(LEAST_ADDRESSES - 1))) == {}
    assert found(*["a1b2c3d4e5f6g7h8@kowalscy.example"] * 50) == {}


def test_the_domains_with_the_most_orders_are_named_and_not_more_than_ten() -> None:
    emails = [f"{local}@m{number}.example" for number in range(15) for local in drawn(LOWER, 20, 5 + number)]
    assert list(found(*emails)) == [f"m{number}.example" for number in range(14, 14 - MOST_DOMAINS, -1)]


@pytest.mark.parametrize("email", ["", "brak", "@example.com", "x@", "a b@c.example", "x@10.0.0.1", "x@y\n.example"])
def test_what_is_no_address_is_not_counted(email: str) -> None:
    assert sighting_of(email, ()) is None


def test_nothing_of_an_address_is_kept_but_its_domain() -> None:
    kept = repr(sighting_of("Jan.Kowalski@firma.example", ()))
    assert "firma.example" in kept
    assert "kowalski" not in kept.lower()


@pytest.mark.parametrize(
    ("local", "machine"),
    [
        ("8awgqyk6a5", True), ("8awgqyk6a5+cub31c122", True), ("A1B2C3D4E5", True), ("x1y2z3", False),
        ("anna.k1985", False), ("jan.kowalski", False), ("48601234567", False), ("", False), ("zażółć1985", False),
    ],
)  # fmt: skip
def test_a_machine_made_local_part_mixes_letters_and_digits(local: str, machine: bool) -> None:
    assert is_machine_made(local) is machine


def share(make: Callable[[random.Random], str]) -> float:
    chance = random.Random(1)
    return sum(is_machine_made(make(chance)) for _ in range(1000)) / 1000


def test_nearly_all_random_addresses_and_nearly_no_names_count_as_machine_made() -> None:
    assert share(lambda chance: "".join(chance.choices(LOWER, k=14))) > 0.85
    assert share(lambda chance: "".join(chance.choices(HEX, k=32))) > 0.99
    assert share(lambda chance: f"{chance.choice(NAMES)}.{chance.choice(NAMES)}{chance.randint(1, 2010)}") == 0
