"""Orders with anything in any field, all the way to what would be sent: no exception, and every limit kept."""

import itertools
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import BaseLinker, Http, Order, Pacer, RetriableError, SalesManago
from clients.http import Answer
from processor.decide.fingerprint import fingerprint
from processor.decide.mapping import lane_key
from processor.decide.phones import LONGEST_TYPED, has_country_code, is_filler, normal, spellings
from processor.decide.rules import Enriched, RuleSettings, Send, Skip, decide, needs_buyer, verdicts
from processor.decide.tags import clean_tag
from processor.enrich.buyers import matchable
from tests.harness.cases import cases
from tests.hostile.odd import VALUES, mutated, odd, places, replaced
from tests.hostile.references import LINE, ORDER, ORDERS, SOURCES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RULES = [
    (RuleSettings("shop_1", "Klient, Żółty", tags, skip, field), purchase)  # type: ignore[arg-type]
    for tags, skip, field, purchase in itertools.product(
        ("none", "code", "name", "both"), (False, True), ("product_id", "variant_id", "sku", "ean"), (False, True)
    )
]
TAG = re.compile(r"[A-Z0-9\-(\[{)\]}_]{1,255}")
EMAIL = re.compile(r"[^@\s\x00-\x1f\"(),:;<>\[\\\]]{1,64}@[^@\s\x00-\x1f\"(),:;<>\[\\\]]+\.[^@\s.]{2,63}")


class Unsent(Http):
    """Keeps what would be sent, encoded as httpx does it, and answers what it is told."""

    def __init__(self) -> None:
        super().__init__("an API")
        self.content = b""
        self.answer = b""

    def post_json(self, url: str, body: Any, before_write: Any = None, seconds: float | None = None) -> Answer:
        self.content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        return Answer(200, {}, b'{"success":true,"contactId":"c1","eventId":"e1"}')

    def post_form(self, url: str, fields: Any, headers: Any) -> Answer:
        return Answer(200, {}, self.answer)


class Wire:
    """The real clients, over no wire at all: thousands of orders a second."""

    def __init__(self) -> None:
        self.http = Unsent()
        self.base = BaseLinker(self.http, "http://bl/c.php", "1-2-T", Pacer(1e9, sleep=lambda _: None))
        self.sales = SalesManago(self.http, "http://sm/api", "client", "secret", "key", "owner@example.com")

    def order(self, answer: Any) -> list[Order]:
        self.http.answer = json.dumps(answer).encode()
        try:
            return self.base.orders(id_from=1)
        except RetriableError:  # it lists none: asked again later
            return []

    def sources(self, answer: Any) -> dict[str, dict[int, str]]:
        self.http.answer = json.dumps(answer).encode()
        try:
            return self.base.order_sources()
        except RetriableError:  # it lists none in any shape: asked again later
            return {}

    def last(self) -> dict[str, Any]:
        text = self.http.content.decode()
        found: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
        every_text_is_clean(found)
        return found


WIRE = Wire()


def every_text_is_clean(found: Any) -> None:
    if isinstance(found, dict):
        for value in found.values():
            every_text_is_clean(value)
    elif isinstance(found, list):
        for value in found:
            every_text_is_clean(value)
    elif isinstance(found, str):
        found.encode()
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", found)


def carried(order: Order, sources: dict[str, dict[int, str]], combos: list[tuple[RuleSettings, bool]]) -> None:
    """Decide under these settings, send, and judge what went over the wire."""
    repr(order)
    for (rules, purchase), buyer in itertools.product(combos, (None, "buyer@example.com")):
        enriched = Enriched(order, buyer, sources)
        needs_buyer(order, rules)
        assert all(verdict.text.encode() for verdict in verdicts(enriched, purchase, rules))
        verdict = decide(enriched, purchase, rules)
        if isinstance(verdict, Skip):
            str(verdict.reason).encode()
            continue
        judge(order, verdict, rules, purchase)


def judge(order: Order, send: Send, rules: RuleSettings, purchase: bool) -> None:
    fingerprint(send.contact.to_json(), b"secret")
    lane_key(send.contact.email).encode()
    WIRE.sales.upsert_contact(send.contact)
    body = WIRE.last()
    contact = body["contact"]
    assert len(contact["email"]) <= 254
    assert EMAIL.fullmatch(contact["email"])
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", contact.get("phone", "+48601234567"))
    address = contact.get("address", {})
    assert re.fullmatch(r"[A-Z]{2}", address.get("country", "PL"))
    for text in (contact.get("name", "x"), contact.get("company", "x"), *address.values()):
        assert 0 < len(text) <= 255
    tags = body.get("tags", [])
    assert len(set(tags)) == len(tags)
    assert all(TAG.fullmatch(tag) for tag in tags)
    assert {"KLIENT", "ZOLTY"} <= set(tags)
    assert all(body[name] is False for name in body if name.startswith(("force", "use")))
    assert (send.purchase is not None) is purchase
    if send.purchase is None:
        return
    fingerprint(send.purchase.to_json(), b"secret")
    WIRE.sales.add_event("c1", send.purchase)
    created = WIRE.last()["contactEvent"]
    WIRE.sales.update_event("c1", "e1", send.purchase)
    assert WIRE.last()["contactEvent"] == {"eventId": "e1", **created}
    an_event(created, order, rules)


def an_event(event: dict[str, Any], order: Order, rules: RuleSettings) -> None:
    known = {"date", "contactExtEventType", "externalId", "location", "value", "products", "description"}
    assert set(event) <= known | {f"detail{number}" for number in range(1, 21)}
    assert event["externalId"] == str(order.order_id)
    assert len(event["externalId"]) <= 255
    assert event["contactExtEventType"] == "PURCHASE"
    assert event["location"] == "shop_1"
    assert type(event["date"]) is int
    assert 0 < event["date"] < 253402300800000
    value = Decimal(str(event["value"]))
    assert 0 <= value < Decimal(10) ** 17
    assert value == value.quantize(Decimal("0.01"))
    assert 0 < len(event.get("description", "x")) <= 2048
    for number in range(1, 21):
        assert 0 < len(event.get(f"detail{number}", "x")) <= 255
    products = event.get("products", "")
    assert len(products) <= 512
    ids = [getattr(line, rules.product_id_field) for line in order.products]
    assert not products or all(part and part in ids for part in products.split(","))
    for number, field in ((6, "sku"), (7, "variant_id")):
        whole = [getattr(line, field) for line in order.products]
        assert all(part in whole for part in event.get(f"detail{number}", "").split(",") if part)


def test_each_field_of_an_order_may_hold_anything() -> None:
    sources = WIRE.sources(SOURCES)
    wrong = []
    combos = itertools.cycle(RULES)
    every = list(itertools.product(places(ORDER), VALUES))
    for path, value in every[:: cases(4, 1)]:  # 4 and the number of values share no divisor: each value, each field
        try:
            for order in WIRE.order({"status": "SUCCESS", "orders": [replaced(ORDER, path, value)]}):
                carried(order, sources, [next(combos)])
        except Exception as error:
            wrong.append(f"{path} = {ascii(value)[:50]}: {type(error).__name__} {ascii(str(error))[:200]}")
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"


@settings(max_examples=cases(150))
@given(
    answer=mutated(ORDERS) | mutated({"status": "SUCCESS", "orders": [ORDER | {"products": [LINE] * 60}]}),
    sources=st.just(SOURCES) | mutated(SOURCES),
    start=st.integers(0, len(RULES) - 1),
)
def test_several_fields_of_an_order_may_hold_anything(answer: Any, sources: Any, start: int) -> None:
    try:
        found = WIRE.sources(sources) if isinstance(sources, dict) and sources.get("status") == "SUCCESS" else {}
        orders = WIRE.order(answer) if isinstance(answer, dict) and answer.get("status") == "SUCCESS" else []
        for order in orders:
            carried(order, found, [RULES[(start + step * 13) % len(RULES)] for step in range(4)])
    except Exception as error:
        raise AssertionError(ascii(error)) from error.with_traceback(None)


texts = st.text(st.characters(codec=None), max_size=300)
long_ids = st.text(st.characters(codec=None), max_size=700) | st.sampled_from(
    ["9" * n for n in (254, 255, 256, 511, 512, 513)]
)


@settings(max_examples=cases(80))
@given(
    lines=st.lists(
        st.fixed_dictionaries(
            {"product_id": long_ids, "variant_id": long_ids, "sku": long_ids, "ean": long_ids, "name": texts},
            optional={"quantity": odd, "price_brutto": odd},
        ),
        max_size=12,
    ),
    method=st.text(st.characters(codec=None), max_size=3000),
    start=st.integers(0, len(RULES) - 1),
)
def test_long_lists_are_cut_at_whole_ids(lines: list[dict[str, Any]], method: str, start: int) -> None:
    answer = {"status": "SUCCESS", "orders": [ORDER | {"products": [], "payment_method": method}]}
    answer["orders"][0]["products"] = [  # type: ignore[index]
        {name: value for name, value in line.items() if not callable(value) and type(value) is not object}
        for line in lines
    ]
    for order in WIRE.order(answer):
        carried(order, {}, [RULES[(start + step * 9) % len(RULES)] for step in range(8)])


phones = st.one_of(
    st.text(st.sampled_from("0123456789+()-./ ,;|x٣"), max_size=40),
    st.text(st.characters(codec=None), max_size=40),
    st.sampled_from([str(value) for value in VALUES if isinstance(value, str | int) and len(ascii(value)) < 300]),
)
countries = st.text(max_size=3) | st.sampled_from(["PL", "DE", "IT", "UK", "US", "SM", "ZZ", "001", "pl ", "ＰＬ"])


@settings(max_examples=cases(400))
@given(phone=phones, first=countries, second=countries)
def test_a_phone_is_a_number_or_none_whatever_was_typed(phone: str, first: str, second: str) -> None:
    found = normal(phone, first, second)
    if found is None:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", found)
    is_filler(found)
    has_country_code(phone, found)
    assert 1 <= len(spellings(found)) <= 3
    assert all(spelling.isascii() for spelling in spellings(found))
    assert normal(found, first, second) == found
    matchable(Order(1, phone=phone, delivery_country_code=first, invoice_country_code=second))


def test_a_phone_field_of_a_hundred_thousand_numbers_is_read_only_up_to_its_bound() -> None:
    typed = ",".join(str(number) for number in range(100_000))

    def read(phone: str) -> object:
        return matchable(Order(1, phone=phone, delivery_country_code="PL", invoice_country_code="DE"))

    assert read(typed) == read(typed[:LONGEST_TYPED])
    assert read("," * LONGEST_TYPED + "601234567") == read("")
    assert read("," * (LONGEST_TYPED - 9) + "601234567") == read("601234567") != read("")


@settings(max_examples=cases(300))
@given(
    text=st.text(st.characters(codec=None), max_size=400) | st.sampled_from([v for v in VALUES if isinstance(v, str)])
)
def test_a_tag_has_salesmanagos_alphabet_whatever_it_was_made_of(text: str) -> None:
    tag = clean_tag(text)
    assert not tag or TAG.fullmatch(tag)
    assert clean_tag(tag) == tag
