"""Whatever the APIs answer: a typed value or one of ApiError's kinds, and texts that give nobody away."""

import hashlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import (
    ApiError,
    BackpressureError,
    BaseLinker,
    Contact,
    FatalError,
    Http,
    JournalLog,
    Order,
    OrderSummary,
    Pacer,
    RetriableError,
    SalesManago,
)
from schemas.codec import make_codec
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics
from tests.harness.cases import cases
from tests.hostile import references as ref
from tests.hostile.odd import HEADERS, STATUSES, VALUES, bodies, mutated, places, replaced

NOW = ref.NOW
TOKEN, SECRET, KEY, CLIENT, V3_KEY = (
    "1-23-VERYSECRETTOKEN",
    "very-secret",
    "random-key",
    "client-id-1",
    "v3-very-secret",
)
CONTACT = Contact("nick@example.com", "John")
CODEC = make_codec(Topics("t"), None)
Api = tuple[BaseLinker, SalesManago]


def apis(transport: httpx.BaseTransport) -> Api:
    """Both real clients over one transport."""
    base = BaseLinker(
        Http("BaseLinker", transport=transport), "http://bl/c.php", TOKEN, Pacer(1e9, sleep=lambda _: None), lambda: NOW
    )
    sales = SalesManago(
        Http("SALESmanago", transport=transport),
        "http://sm/api", CLIENT, SECRET, KEY, "owner@example.com", "http://sm/v3", V3_KEY, lambda: NOW,
    )  # fmt: skip
    return base, sales


class Answering:
    """Clients made once, whose next answer is set by the test."""

    def __init__(self) -> None:
        self.status, self.content = 200, b""
        self.headers: dict[bytes, bytes] = {}
        self.sent: list[httpx.Request] = []
        self.base, self.sales = apis(httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(self.status, content=self.content, headers=self.headers)


ANSWERING = Answering()
CALLS: dict[str, tuple[Callable[[BaseLinker, SalesManago], Any], Any]] = {
    "journal": (lambda base, _: base.journal(0, [1]), ref.JOURNAL),
    "orders": (lambda base, _: base.orders(id_from=1), ref.ORDERS),
    "orders_by_phone": (lambda base, _: base.orders_by_phone("1"), ref.BY_PHONE),
    "order_sources": (lambda base, _: base.order_sources(), ref.SOURCES),
    "refused": (lambda base, _: base.orders(), ref.REFUSED),
    "upsert_contact": (lambda _, sales: sales.upsert_contact(CONTACT), ref.UPSERTED),
    "add_event": (lambda _, sales: sales.add_event("c1", ref.EVENT), ref.CREATED),
    "update_event": (lambda _, sales: sales.update_event("c1", "e1", ref.EVENT), ref.CREATED),
    "failed": (lambda _, sales: sales.update_event("c1", "e1", ref.EVENT), ref.FAILED),
    "delete_event": (lambda _, sales: sales.delete_event("e1"), ref.DELETED),
    "contacts_by_email": (lambda _, sales: sales.contacts_by_email(["nick@example.com"]), ref.CARDS),
    "contacts_by_id": (lambda _, sales: sales.contacts_by_id(["c1"]), ref.CARDS),
    "users": (lambda _, sales: sales.users(), ref.USERS),
    "catalogs": (lambda _, sales: sales.catalogs(), ref.CATALOGS),
    "problems": (lambda _, sales: sales.catalogs(), ref.PROBLEMS),
}


def ask(call: str, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """One call with this answer: what came back, checked, or the ApiError."""
    ANSWERING.status, ANSWERING.content = status, content
    ANSWERING.headers = {name.encode(): value.encode() for name, value in (headers or {}).items()}
    ANSWERING.sent.clear()
    try:
        found = CALLS[call][0](ANSWERING.base, ANSWERING.sales)
    except ApiError as error:
        harmless(f"{error}{error!r}", content)
        assert str(error) != ""
        return error
    except Exception as error:  # told in ASCII: a report with half a character cannot travel between processes
        raise AssertionError(ascii(error)) from None
    finally:
        ANSWERING.base._pacer._blocked_until = None  # a block is another test's business
    sound(found)
    return found


def harmless(text: str, content: bytes = b"") -> None:
    """A text that may go to logs and Kafka."""
    text.encode()
    assert len(text) < 1500
    for secret in ("nick@example.com", "jan@example.com", "693123123", "601234567"):
        assert secret not in text


def sound(found: Any) -> None:
    """What was read can be worked with: it fits Avro's longs and UTF-8, and a repr shows nothing personal."""
    if not (isinstance(found, list) and all(isinstance(one, str) for one in found)):  # users are asked for by name
        assert "nick@example.com" not in repr(found)
    if isinstance(found, list):
        for one in found:
            if isinstance(one, JournalLog):
                date = one.date or NOW
                entry = JournalEntry(one.log_id, 1, one.order_id, one.object_id, date, Origin.JOURNAL)
                assert CODEC.decode(CODEC.encode(entry), JournalEntry) == entry
            if isinstance(one, Order | OrderSummary):
                assert 0 < one.order_id < 2**63
            for name in ("contact_id", "event_id"):
                if hasattr(one, name):
                    an_id(getattr(one, name))
            for event in getattr(one, "events", ()):
                an_id(event.event_id)
    elif isinstance(found, str):
        assert found
        an_id(found)


def an_id(text: str) -> None:
    """It can be kept in a ledger row of reasonable size."""
    assert len(text) <= 255
    row = Delivery(Outcome.DELIVERED, "", False, 1, "T", 1, text, text, None, NOW)
    assert CODEC.decode(CODEC.encode(row), Delivery) == row


@pytest.mark.parametrize("call", CALLS)
def test_each_field_of_each_answer_may_hold_anything(call: str) -> None:
    wrong = []
    every = list(itertools.product(places(CALLS[call][1]), VALUES))
    for path, value in every[:: cases(4, 1) if len(every) > 1000 else 1]:
        try:
            ask(call, json.dumps(replaced(CALLS[call][1], path, value)).encode())
        except AssertionError as error:
            wrong.append(f"{path} = {ascii(value)[:50]}: {ascii(str(error))[:200]}")
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=cases(60))
@given(data=st.data())
def test_several_fields_at_once_may_hold_anything(call: str, data: st.DataObject) -> None:
    ask(call, json.dumps(data.draw(mutated(CALLS[call][1]))).encode())


@settings(max_examples=cases(600))
@given(
    call=st.sampled_from(sorted(CALLS)),
    content=bodies,
    status=st.sampled_from(STATUSES),
    headers=st.sampled_from(HEADERS),
)
def test_a_whole_answer_may_be_anything(call: str, content: bytes, status: int, headers: dict[str, str]) -> None:
    ask(call, content, status, headers)


def explicit_refusal(status: int, content: bytes) -> bool:
    """Whether the answer says that nothing was done: success false in so many words, or HTTP's own refusals."""
    try:
        body = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        body = None
    said = body.get("success", MISSING) if isinstance(body, dict) else MISSING
    if isinstance(said, str | int | float) and str(said).strip().lower() in {"false", "0", "0.0", "-0.0"}:
        return True
    return status in {401, 403} and not (said is True or said in ("true", 1))


MISSING = object()


@settings(max_examples=cases(800))
@given(
    content=bodies | mutated(ref.CREATED).map(lambda found: json.dumps(found).encode()),
    status=st.sampled_from(STATUSES),
    headers=st.sampled_from(HEADERS),
)
def test_an_unclear_answer_to_a_create_is_never_taken_for_surely_not_done(
    content: bytes, status: int, headers: dict[str, str]
) -> None:
    if {"content-encoding", "location"} & headers.keys():
        return  # whether an unreadable answer's request was written is told by a real socket: test_sockets
    found = ask("add_event", content, status, headers)
    if isinstance(found, ApiError) and not explicit_refusal(status, content):
        assert isinstance(found, RetriableError | BackpressureError), repr(found)
        assert found.may_have_applied


@pytest.mark.parametrize("said", [None, "", "maybe", [], {}, "no", 2, 0.5])
def test_a_success_that_is_neither_true_nor_false_is_unclear(said: object) -> None:
    found = ask("add_event", json.dumps({"success": said, "message": ["x"]}).encode())
    assert isinstance(found, RetriableError)
    assert found.may_have_applied


@pytest.mark.parametrize("call", ["orders", "add_event", "catalogs"])
def test_an_endless_body_is_cut_off(call: str) -> None:
    found = ask(call, b" " * (65 * 1024 * 1024))
    assert isinstance(found, RetriableError)


PERSONAL = [
    "Invalid value for nick@example.com", "phone +48 693 123 123 is wrong", "nick%40example.com", "693.123.123",
    "(69) 312/31-23", "x" * 190 + " nick@example.com", "nick@example.com " * 300, "a" * 1990 + " nick@example.com",
]  # fmt: skip
SHA = hashlib.sha1(f"{KEY}{CLIENT}{SECRET}".encode()).hexdigest()


@pytest.mark.parametrize("said", [*PERSONAL, f"key {KEY} {SECRET}", f"sha {SHA}"])
def test_what_salesmanago_says_of_a_buyer_or_a_secret_is_not_repeated(said: str) -> None:
    for message in (said, [said], ["x", said]):
        tells_nothing(ask("add_event", json.dumps({"success": False, "message": message}).encode()))


@pytest.mark.parametrize("said", [*PERSONAL, TOKEN, f"bad value {TOKEN}"])
def test_what_baselinker_says_of_a_buyer_or_the_token_is_not_repeated(said: str) -> None:
    for code in ("ERROR_X", said, ""):
        body = {"status": "ERROR", "error_code": code, "error_message": said}
        tells_nothing(ask("orders", json.dumps(body).encode()))


def tells_nothing(found: Any) -> None:
    assert isinstance(found, ApiError)
    text = f"{found}{found!r}{found.code}"
    for part in ("nick", "693", "312", TOKEN, "VERYSECRET", KEY, SECRET, SHA):
        assert part not in text, text


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Wrong e-mail owner@example.com", ApiError),
        ("Wrong name Mrowner", ApiError),
        ("Character limit exceeded in detail1", ApiError),
        ("Too many tags", ApiError),
        ("unauthorized-buyer@example.com is wrong", ApiError),
    ],
)
def test_one_bad_message_does_not_stop_the_program(message: str, kind: type[ApiError]) -> None:
    found = ask("upsert_contact", json.dumps({"success": False, "message": [message]}).encode())
    assert isinstance(found, kind)
    assert not isinstance(found, FatalError | BackpressureError)
