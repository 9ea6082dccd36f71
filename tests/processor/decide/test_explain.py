"""What is explained is what decides; e-mails are judged as SALESmanago does; deciding never raises."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import Order, OrderProduct
from processor.decide.currency import CurrencyRules
from processor.decide.explain import explain
from processor.decide.fingerprint import fingerprint
from processor.decide.rules import Enriched, RuleSettings, Send, Skip, SkipReason, decide, is_masked, is_usable
from tests.processor.shop import allegro, an_order

RULES = RuleSettings(location="sklep", contact_tag="KLIENT", tag_order_source="both")

TEXT = (
    st.text(max_size=40) | st.text(st.characters(), max_size=600) | st.sampled_from(["", "0", "\ud800", "a\x00b", "ł"])
)
MONEY = st.decimals(min_value=-(10**14), max_value=10**14, allow_nan=False, allow_infinity=False)
MOMENT = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
PRODUCT = st.builds(OrderProduct, TEXT, TEXT, TEXT, TEXT, TEXT, MONEY, st.integers(-5, 10**9))
TEXTS = (
    "shop_order_id", "external_order_id", "payment_method", "phone", "delivery_method",
    "delivery_fullname", "delivery_company", "delivery_address", "delivery_postcode", "delivery_city",
    "delivery_country_code", "invoice_fullname", "invoice_company", "invoice_country_code",
)  # fmt: skip
ORDER_FIELDS: dict[str, Any] = {
    "order_id": st.integers(1, 2**63),
    "order_source": st.sampled_from(["shop", "allegro", "personal", "order_return", "", "Ümlaut", "x" * 300]),
    "order_source_id": st.integers(-1, 9),
    "confirmed": st.booleans() | st.just(True),
    "date_add": MOMENT,
    "date_confirmed": MOMENT,
    "email": st.emails() | TEXT | st.just("jan@example.com"),
    "delivery_price": MONEY,
    "currency": st.sampled_from(["PLN", "eur", "IRR", "KWD", "CZK", ""]) | TEXT,
    "products": st.lists(PRODUCT, max_size=30).map(tuple),
} | dict.fromkeys(TEXTS, TEXT)
ORDER = st.builds(Order, **ORDER_FIELDS)
CHOICE: Any = st.builds(
    RuleSettings,
    location=st.just("sklep"),
    contact_tag=TEXT,
    tag_order_source=st.sampled_from(["none", "code", "name", "both"]),
    skip_shop_orders=st.booleans(),
    product_id_field=st.sampled_from(["product_id", "variant_id", "sku", "ean"]),
    currency=st.builds(
        CurrencyRules,
        st.sampled_from(["", "PLN"]),
        st.sampled_from([(), (("EUR", Decimal("4.27")), ("IRR", Decimal("0.0000060412")), ("KWD", Decimal(9999999)))]),
        st.booleans(),
    ),
)
ENRICHED: Any = st.builds(
    Enriched,
    st.none() | ORDER,
    st.none() | st.just("anna@example.com"),
    st.dictionaries(st.sampled_from(["shop", "allegro"]), st.dictionaries(st.integers(0, 5), TEXT), max_size=2),
)


@given(ENRICHED, st.booleans(), CHOICE)
def test_every_order_is_decided_within_every_limit_and_explained_alike(
    enriched: Enriched, purchase: bool, rules: RuleSettings
) -> None:
    decision = decide(enriched, purchase, rules)
    stops = [verdict.stops for verdict in explain(enriched, purchase, rules) if verdict.stops is not None]
    if isinstance(decision, Skip):
        assert stops[0] == decision.reason
        assert decision.keeps_due == (decision.reason not in {"shop_order", "return_order"})
        return
    assert stops == []
    _keeps_limits(decision)
    assert (decision.purchase is not None) == purchase


def _keeps_limits(send: Send) -> None:
    contact = send.contact.to_json()
    assert is_usable(contact["contact"]["email"])
    texts = [text for text in contact["contact"].values() if isinstance(text, str)]
    texts += contact["contact"].get("address", {}).values()
    assert all(0 < len(text) <= 255 and text == text.strip() for text in texts)
    assert all(0 < len(tag) <= 255 and tag.isascii() and "," not in tag for tag in contact.get("tags", []))
    json.dumps(contact, ensure_ascii=False).encode()
    if send.purchase is None:
        return
    event = send.purchase.to_json()
    assert len(event.get("products", "")) <= 512
    assert len(event.get("description", "")) <= 2048
    assert all(len(event.get(f"detail{number}", "")) <= 255 for number in range(1, 21))
    assert 0 <= event["value"] < 1e17
    assert send.purchase.value == send.purchase.value.quantize(Decimal("0.01"))
    if event.get("products") and len(event["detail3"]) < 240:
        assert event["products"].count(",") == event["detail3"].count("/")
    json.dumps(event, ensure_ascii=False, allow_nan=False).encode()


@given(ENRICHED, CHOICE)
def test_the_same_order_has_the_same_fingerprint(enriched: Enriched, rules: RuleSettings) -> None:
    first, again = decide(enriched, True, rules), decide(enriched, True, rules)
    if isinstance(first, Send) and isinstance(again, Send):
        assert fingerprint(first.contact.to_json(), b"k") == fingerprint(again.contact.to_json(), b"k")
        assert fingerprint(first.contact.to_json(), b"k") != fingerprint(first.contact.to_json(), b"other")


@pytest.mark.parametrize(
    ("fields", "choice", "reason"),
    [
        ({"order_source": "order_return", "confirmed": False, "email": ""}, {}, "return_order"),
        ({"confirmed": False, "email": ""}, {"skip_shop_orders": True}, "shop_order"),
        ({"order_source": "SHOP "}, {"skip_shop_orders": True}, "shop_order"),
        ({"confirmed": False, "email": ""}, {}, "unconfirmed"),
        ({"order_source": "Allegro", "email": "jan@example.com"}, {}, "allegro_buyer_unknown"),
        ({"order_source": "amazon", "email": "x@marketplace.amazon.pl"}, {}, "masked_email"),
        ({"order_source": "amazon", "email": "x@marketplace.amazon.pl", "confirmed": False}, {}, "unconfirmed"),
        ({"email": " "}, {}, "no_email"),
        ({"email": "brak"}, {}, "invalid_email"),
        ({"date_add": None, "date_confirmed": None}, {}, "undated"),
    ],
)
def test_the_first_rule_that_stops_decides(fields: dict[str, Any], choice: dict[str, Any], reason: str) -> None:
    decision = decide(Enriched(an_order(**fields)), True, RuleSettings(location="sklep", **choice))
    assert isinstance(decision, Skip)
    assert decision.reason == reason


def test_an_undated_order_is_still_a_contact() -> None:
    undated = Enriched(an_order(date_add=None, date_confirmed=None))
    assert isinstance(decide(undated, False, RULES), Send)
    assert decide(undated, True, RULES) == Skip(SkipReason.UNDATED, keeps_due=True)


def test_an_explanation_names_rules_tags_and_sum_and_nobody() -> None:
    told = explain(Enriched(allegro(5), "jan@example.com", {"allegro": {3: "Konto1"}}), True, RULES)
    text = " ".join(f"{verdict.rule}: {verdict.text}" for verdict in told)
    assert "tags: KLIENT, BASELINKER_ALLEGRO, BASELINKER_ALLEGRO_KONTO1" in text
    assert "purchase: a PURCHASE of 51.98 PLN" in text
    assert not any(private in text for private in ("jan@", "601", "Nowak", "allegromail"))


@pytest.mark.parametrize(
    ("email", "usable"),
    [
        ("jan@example.com", True), ("Jan.Kowalski+sklep@Example.co.uk", True), ("o'neil@example.ie", True),
        ("a@b.pl", True), ("jan@żółw.pl", True), ("jan@xn--w-uga1v8h.pl", True), ("jan@1.2.example", True),
        ("", False), ("jan", False), ("jan@", False), ("@example.com", False), ("jan@example", False),
        ("jan@example.", False), ("jan@.example.com", False), ("jan@example..com", False), ("jan@-x.pl", False),
        ("jan@x.p", False), ("jan@10.0.0.1", False), ("jan kowalski@x.pl", False), ("jan@x.pl, a@x.pl", False),
        ("jan@x@y.pl", False), ("jan.@x.pl", False), (".jan@x.pl", False), ("a..b@x.pl", False), ("żan@x.pl", False),
        ("\ud800@x.pl", False), ("jan@x\ud800.pl", False), ("jan@x.pl\n", False), ("<jan@x.pl>", False),
        ("x" * 64 + "@example.com", True), ("x" * 65 + "@example.com", False),
        ("jan@" + "a." * 124 + "pl", True), ("jan@" + "a." * 125 + "pl", False), ("jan@" + "a" * 64 + ".pl", False),
    ],
)  # fmt: skip
def test_an_email_is_usable_if_salesmanago_would_take_it(email: str, usable: bool) -> None:
    assert is_usable(email) is usable


@pytest.mark.parametrize(
    ("email", "masked"),
    [
        ("x+y@allegromail.pl", True), ("x@ALLEGROMAIL.PL", True), ("x@user.allegrogroup.pl", True),
        ("x@a.b.allegromail.com", True), (" x@allegromail.pl ", True), ("x@allegromail.pl.", True),
        ("x@notallegromail.pl", False), ("allegromail.pl@example.com", False), ("x@allegromail.pl.example", False),
        ("x@allegromail.de", False), ("", False),
        ("x@marketplace.amazon.com", True), ("x@marketplace.amazon.co.uk", True), ("x@Marketplace.Amazon.COM.BR", True),
        ("x@a.marketplace.amazon.pl", True), ("x@members.ebay.de", True), ("x@notification.mirakl.net", True),
        ("x@empik.notification.mirakl.net", True), ("x@relay.walmart.com", True), ("x@scs.tiktokw.us", True),
        ("x@amazon.com", False), ("x@marketplace.amazon", False), ("x@notmarketplace.amazon.com", False),
        ("x@ebay.com", False), ("x@mirakl.net", False), ("x@walmart.com", False), ("x@tiktokw.us", False),
        ("marketplace.amazon.com@example.com", False),
    ],
)  # fmt: skip
def test_a_mask_is_told_by_its_host(email: str, masked: bool) -> None:
    assert is_masked(email, RULES) is masked


def test_the_shop_chooses_which_hosts_are_masks() -> None:
    rules = RuleSettings(location="sklep", masked_email_domains=("@Marketplace.Amazon.de", "", " "))
    assert is_masked("x@marketplace.amazon.de", rules)
    assert not is_masked("x@allegromail.pl", rules)
