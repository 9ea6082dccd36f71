from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import Order, OrderProduct
from processor.decide.currency import CurrencyRules
from processor.decide.mapping import lane_key, order_value, to_purchase
from processor.decide.phones import normal
from processor.decide.rules import Enriched, RuleSettings, Send, Skip, SkipReason, decide, needs_buyer
from processor.decide.tags import clean_tag, tags_for
from tests.processor.simulated import order

RULES = RuleSettings(location="sklep_1", contact_tag="Klient, Łódź", tag_order_source="code")
SOURCES = {"allegro": {3001: "Konto Żółte"}}


@pytest.mark.parametrize(
    ("over", "rules", "reason", "keeps_due"),
    [
        ({"confirmed": False}, {}, SkipReason.UNCONFIRMED, True),
        ({"email": ""}, {}, SkipReason.NO_EMAIL, True),
        ({"email": "nobody"}, {}, SkipReason.INVALID_EMAIL, True),
        ({"email": "a" * 65 + "@example.com"}, {}, SkipReason.INVALID_EMAIL, True),
        ({}, {"skip_shop_orders": True}, SkipReason.SHOP_ORDER, False),
        ({"order_source": "order_return"}, {}, SkipReason.RETURN_ORDER, False),
        ({"order_source": "order_return", "confirmed": False}, {}, SkipReason.RETURN_ORDER, False),
        ({"currency": "EUR"}, {"currency": CurrencyRules("PLN", (), True)}, SkipReason.FOREIGN_CURRENCY, True),
        (
            {"currency": "EUR", "order_source": "allegro", "email": "x+y@allegromail.pl"},
            {"currency": CurrencyRules("PLN", (), True)},
            SkipReason.FOREIGN_CURRENCY,
            True,
        ),
        ({"order_source": "allegro", "email": "x+y@allegromail.pl"}, {}, SkipReason.ALLEGRO_BUYER_UNKNOWN, True),
        ({"order_source": "ceneo", "email": "x@user.allegrogroup.pl"}, {}, SkipReason.MASKED_EMAIL, True),
        (
            {"order_source": "amazon", "email": "a1b2c3d4e5f6g7@marketplace.amazon.de"},
            {},
            SkipReason.MASKED_EMAIL,
            True,
        ),
        ({"order_source": "personal", "email": "x@a.scs.tiktokw.us"}, {}, SkipReason.MASKED_EMAIL, True),
        ({"order_source": "allegro", "email": "x@relay.walmart.com"}, {}, SkipReason.ALLEGRO_BUYER_UNKNOWN, True),
    ],
)
def test_an_order_that_is_not_sent_says_why(
    over: dict[str, Any], rules: dict[str, Any], reason: SkipReason, keeps_due: bool
) -> None:
    assert decide(Enriched(order(**over)), True, replace(RULES, **rules)) == Skip(reason, keeps_due)


def test_an_unknown_order_keeps_its_purchase_due() -> None:
    assert decide(Enriched(None), True, RULES) == Skip(SkipReason.ORDER_UNKNOWN, keeps_due=True)


def test_an_allegro_order_goes_to_the_buyer_found_by_phone() -> None:
    masked = order(order_source="allegro", order_source_id=3001, email="ab12+cd@allegromail.pl")
    sent = decide(Enriched(masked, "stary@example.pl", SOURCES), True, replace(RULES, tag_order_source="both"))
    assert isinstance(sent, Send)
    assert sent.contact.email == "stary@example.pl"
    assert sent.contact.tags == ("KLIENT", "LODZ", "BASELINKER_ALLEGRO", "BASELINKER_ALLEGRO_KONTO_ZOLTE")


@pytest.mark.parametrize("source", ["amazon", "ceneo", "shop"])
def test_an_order_with_a_relay_address_goes_to_the_buyer_found_by_phone(source: str) -> None:
    masked = order(order_source=source, email="x1y2z3a4b5@marketplace.amazon.co.uk")
    assert needs_buyer(masked, RULES)
    sent = decide(Enriched(masked, "stary@example.pl"), True, RULES)
    assert isinstance(sent, Send)
    assert sent.contact.email == "stary@example.pl"
    assert sent.purchase is not None


def test_a_marketplace_that_passes_on_what_the_buyer_typed_needs_no_look_up() -> None:
    typed = order(order_source="amazon", email="kupujacy@example.com")
    assert not needs_buyer(typed, RULES)
    sent = decide(Enriched(typed), True, RULES)
    assert isinstance(sent, Send)
    assert sent.contact.email == "kupujacy@example.com"


def test_an_edit_sends_the_contact_alone() -> None:
    sent = decide(Enriched(order()), False, RULES)
    assert isinstance(sent, Send)
    assert sent.purchase is None


def test_only_a_sendable_order_of_a_hidden_buyer_costs_a_look_up() -> None:
    masked = order(order_source="allegro", email="a+b@allegromail.pl")
    assert needs_buyer(masked, RULES)
    assert not needs_buyer(replace(masked, confirmed=False), RULES)
    assert not needs_buyer(order(), RULES)
    foreign = replace(masked, currency="EUR")
    assert needs_buyer(foreign, RULES)
    assert not needs_buyer(foreign, replace(RULES, currency=CurrencyRules("PLN", (), skip_foreign=True)))


def test_a_purchase_says_what_the_order_says() -> None:
    event = to_purchase(order(7, shop_order_id="9007"), "sklep_1", "product_id").to_json()
    assert event["externalId"] == "7"
    assert (
        event["date"]
        == 1763640012000 + (datetime(2026, 11, 20, tzinfo=UTC) - datetime(2025, 11, 20, tzinfo=UTC)).days * 86_400_000
    )
    assert event["value"] == 30.0
    assert event["products"] == "11"
    assert [event.get(f"detail{number}") for number in (1, 2, 3, 4, 6, 8, 9)] == [
        "Kubek", "9007", "2", "shop", "SKU-1", "PL", "PLN",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("zażółć gęślą jaźń", "ZAZOLC_GESLA_JAZN"),
        ("Łódź", "LODZ"),
        ("straße", "STRASSE"),
        ('a!b#c$d&e*f"g', "A_B_C_D_E_F_G"),
        ("(ok)-[x]{y}_", "(OK)-[X]{Y}_"),
        ("  ", ""),
        ("x" * 300, "X" * 255),
    ],
)
def test_a_tag_is_written_in_salesmanagos_alphabet(text: str, tag: str) -> None:
    assert clean_tag(text) == tag


def test_an_unknown_source_name_falls_back_to_the_code() -> None:
    assert tags_for("", "name", "allegro", 99, SOURCES) == ("BASELINKER_ALLEGRO",)
    assert tags_for("", "none", "allegro", 3001, SOURCES) == ()


@pytest.mark.parametrize(
    ("phone", "country", "expected"),
    [
        ("601 234 567", "PL", "+48601234567"),
        ("0048 601-234-567", "PL", "+48601234567"),
        ("+48601234567", "", "+48601234567"),
        ("48601234567", "PL", "+48601234567"),
        ("030 1234567", "DE", "+49301234567"),
        ("000000000", "PL", None),
        ("123456789", "PL", None),
        ("111 111 111", "PL", None),
        ("brak", "PL", None),
        ("", "PL", None),
    ],
)
def test_a_phone_has_one_form_and_a_dummy_has_none(phone: str, country: str, expected: str | None) -> None:
    assert normal(phone, country) == expected


def test_contacts_are_told_apart_without_regard_to_case() -> None:
    assert lane_key(" Kupujacy@Example.COM ") == "kupujacy@example.com"


texts = st.text(max_size=700)
products = st.lists(
    st.builds(
        OrderProduct, texts, texts, texts, texts, texts,
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=10**9), st.integers(-5, 10**6),
    ),
    max_size=40,
)  # fmt: skip
orders = st.builds(
    Order,
    order_id=st.integers(1, 2**62),
    order_source=st.sampled_from(["shop", "allegro", "amazon", "", "Zażółć"]),
    order_source_id=st.integers(0, 5000),
    confirmed=st.booleans(),
    email=st.one_of(texts, st.emails()),
    phone=texts,
    payment_method=st.text(max_size=3000),
    shop_order_id=texts,
    delivery_method=texts,
    delivery_fullname=texts,
    delivery_country_code=texts,
    currency=texts,
    products=products.map(tuple),
    date_add=st.one_of(st.none(), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))),
)


@given(orders, st.sampled_from(["product_id", "variant_id", "sku", "ean"]))
def test_any_order_is_decided_and_keeps_every_limit(one: Order, field: str) -> None:
    verdict = decide(Enriched(one, "kupujacy@example.com"), True, replace(RULES, product_id_field=field))
    if isinstance(verdict, Skip):
        return
    assert verdict.purchase is not None
    event = verdict.purchase.to_json()
    assert len(event.get("products", "")) <= 512
    ids = {getattr(line, field) for line in one.products}
    assert all(part in ids for part in event.get("products", "").split(",") if part)
    assert len(event.get("description", "")) <= 2048
    assert all(len(event.get(f"detail{number}", "")) <= 255 for number in range(1, 21))
    assert Decimal(str(event["value"])) >= 0
    assert order_value(one) == order_value(one).quantize(Decimal("0.01"))
    assert "" not in event.values()
