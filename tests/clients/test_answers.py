"""Every drift of types and every kind of failure that docs/apis.md names."""

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from clients import (
    ApiError,
    BackpressureError,
    BaseLinker,
    Contact,
    EventGone,
    FatalError,
    Http,
    Pacer,
    PurchaseEvent,
    RejectedError,
    RetriableError,
    SalesManago,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TOKEN, SECRET = "1-23-VERYSECRETTOKEN", "very-secret"
END_OF_DATES = "Fri, 31 Dec 9999 23:59:59 GMT"
EVENT = PurchaseEvent("7", NOW, "shop", Decimal("9.99"))


def reply(status: int, body: Any, **headers: str) -> httpx.MockTransport:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))


def baselinker(transport: httpx.BaseTransport) -> BaseLinker:
    pacer = Pacer(1e9, now=lambda: NOW)
    return BaseLinker(Http("BaseLinker", transport=transport), "http://bl/connector.php", TOKEN, pacer, lambda: NOW)


def salesmanago(transport: httpx.BaseTransport) -> SalesManago:
    http = Http("SALESmanago", transport=transport)
    return SalesManago(http, "http://sm/api", "client", SECRET, "key", "owner@example.com", now=lambda: NOW)


def error(code: str, message: str = "") -> dict[str, str]:
    return {"status": "ERROR", "error_code": code, "error_message": message}


@pytest.mark.parametrize("name", ["log_id", "id"])
def test_a_journal_entry_is_read_in_either_spelling(name: str) -> None:
    row = {name: "456", "order_id": 7, "log_type": "1", "object_id": 0, "date": 1763640000}
    (log,) = baselinker(reply(200, {"status": "SUCCESS", "logs": [row]})).journal(0, [1])
    assert (log.log_id, log.order_id, log.log_type, log.object_id) == (456, 7, 1, None)


@pytest.mark.parametrize("body", [{}, {"sources": "none"}, {"orders": 7, "logs": 7}])
def test_a_success_that_lists_nothing_at_all_is_no_proof_of_absence(body: dict[str, Any]) -> None:
    api = baselinker(reply(200, {"status": "SUCCESS", **body}))
    for call in (
        lambda: api.journal(0, [1]),
        lambda: api.orders(order_id=1),
        lambda: api.orders_by_phone("1"),
        api.order_sources,
    ):
        with pytest.raises(RetriableError):
            call()


def test_an_order_is_read_in_the_shapes_of_2022_and_of_today() -> None:
    old_line: dict[str, Any] = {"price_brutto": 1.1, "quantity": "2", "variant_id": 0}
    new_line: dict[str, Any] = {"price_brutto": "1.1", "quantity": 2, "variant_id": "0"}
    same: dict[str, Any] = {"confirmed": True, "delivery_price": 9}
    old: dict[str, Any] = {
        "order_id": "7",
        "shop_order_id": "",
        "order_source_id": "31",
        "payment_done": "50",
        "email": None,
    }
    new: dict[str, Any] = {"order_id": 7, "shop_order_id": 0, "order_source_id": 31, "payment_done": 50.0, "email": ""}
    old, new = old | same | {"products": [old_line]}, new | same | {"products": {"0": new_line}}
    orders = [baselinker(reply(200, {"status": "SUCCESS", "orders": [one]})).orders()[0] for one in (old, new)]
    assert orders[0] == orders[1]
    assert orders[0].products[0].price_brutto == Decimal("1.1")


@pytest.mark.parametrize("empty", [[], {}])
def test_empty_maps_may_be_lists(empty: object) -> None:
    assert baselinker(reply(200, {"status": "SUCCESS", "sources": empty})).order_sources() == {}
    sources = {"personal": ["Phone"], "shop": {"12": "Store"}}
    assert baselinker(reply(200, {"status": "SUCCESS", "sources": sources})).order_sources() == {
        "personal": {0: "Phone"},
        "shop": {12: "Store"},
    }


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, error("ERROR_BAD_TOKEN", "Invalid user token"), FatalError),
        (200, error("ERROR_EMPTY_TOKEN"), FatalError),
        (200, error("ERROR_BLOCKED_TOKEN", "token blocked until 2026-11-24 13:10:00"), BackpressureError),
        (200, error("ERROR_RATE_LIMIT"), BackpressureError),
        (200, error("ERROR_NEW", "Query limit exceeded"), BackpressureError),
        (200, error("ERROR_UNKNOWN_METHOD"), RetriableError),
        (502, b"<html>502</html>", RetriableError),
        (200, b'{"status":"SUCC', RetriableError),
        (200, b"", RetriableError),
        (200, [], RetriableError),
        (302, b"", RetriableError),
        (429, b"{}", BackpressureError),
        (429, error("ERROR_TOO_MANY"), BackpressureError),
        (429, {"success": False, "message": []}, BackpressureError),
        (500, error("ERROR_INTERNAL", "token service away"), RetriableError),
        (408, error("ERROR_TIMEOUT"), RetriableError),
        (500, {"status": "SUCCESS", "logs": []}, RetriableError),
        (502, {"status": 502, "error": "Bad Gateway"}, RetriableError),
        (401, error("ERROR_X"), FatalError),
        (401, b"<html>proxy</html>", RetriableError),
        (200, error("ERROR_UNEXPECTED"), RejectedError),
        (200, {"status": "SUCCESS"}, RetriableError),
        (200, {"status": "SUCCESS", "logs": "none"}, RetriableError),
        (200, b"null", RetriableError),
        (200, b'"SUCCESS"', RetriableError),
    ],
)  # fmt: skip
def test_baselinkers_failures_have_their_kind(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        baselinker(reply(status, body)).journal(0, [1])
    assert TOKEN not in f"{caught.value}{caught.value!r}"


def test_a_block_is_waited_out_to_its_end_in_warsaw() -> None:
    message = "Query limit exceeded, token blocked until 2026-11-24 13:10:00"
    with pytest.raises(BackpressureError) as caught:
        baselinker(reply(200, error("ERROR_BLOCKED_TOKEN", message))).journal(0, [1])
    assert caught.value.retry_at is not None
    assert timedelta() <= caught.value.retry_at - datetime(2026, 11, 24, 12, 10, tzinfo=UTC) < timedelta(minutes=1)


@pytest.mark.parametrize("zone", [timedelta(), timedelta(hours=1)])
@pytest.mark.parametrize("left", [timedelta(seconds=5), timedelta(minutes=10), timedelta(minutes=50)])
def test_a_block_is_waited_out_whether_its_end_is_said_in_warsaw_or_in_utc(zone: timedelta, left: timedelta) -> None:
    message = f"Query limit exceeded, token blocked until {NOW + zone + left:%Y-%m-%d %H:%M:%S}"
    with pytest.raises(BackpressureError) as caught:
        baselinker(reply(200, error("ERROR_BLOCKED_TOKEN", message))).journal(0, [1])
    assert caught.value.retry_at is not None
    assert timedelta() <= caught.value.retry_at - (NOW + left) < timedelta(minutes=1)


def test_a_block_that_by_our_clock_is_just_over_is_asked_about_in_a_minute_not_in_an_hour() -> None:
    message = f"token blocked until {NOW + timedelta(hours=1) - timedelta(seconds=30):%Y-%m-%d %H:%M:%S}"
    with pytest.raises(BackpressureError) as caught:
        baselinker(reply(200, error("ERROR_BLOCKED_TOKEN", message))).journal(0, [1])
    assert caught.value.retry_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("minutes", [8, 14, 180, -120])
def test_a_wrong_clock_of_ours_does_not_ask_within_a_block(minutes: int) -> None:
    theirs = NOW - timedelta(minutes=minutes)
    message = f"token blocked until {theirs + timedelta(hours=1, minutes=10):%Y-%m-%d %H:%M:%S}"  # Warsaw's
    answer = reply(200, error("ERROR_BLOCKED_TOKEN", message), date=format_datetime(theirs, usegmt=True))
    with pytest.raises(BackpressureError) as caught:
        baselinker(answer).journal(0, [1])
    assert caught.value.retry_at is not None
    assert timedelta() <= caught.value.retry_at - (NOW + timedelta(minutes=10)) < timedelta(minutes=1)


@pytest.mark.parametrize("minutes", [0, 10, -10])
def test_a_wrong_clock_of_ours_waits_until_the_servers_clock_says_so(minutes: int) -> None:
    theirs = NOW - timedelta(minutes=minutes)
    told = {"date": format_datetime(theirs, usegmt=True)}
    told["retry-after"] = format_datetime(theirs + timedelta(minutes=2), usegmt=True)
    with pytest.raises(BackpressureError) as caught:
        salesmanago(reply(429, {}, **told)).users()
    assert caught.value.retry_at == NOW + timedelta(minutes=2)


def test_a_date_at_the_end_of_all_calendars_is_no_end_of_a_wait() -> None:
    told = {"date": format_datetime(NOW - timedelta(hours=1), usegmt=True), "retry-after": END_OF_DATES}
    with pytest.raises(BackpressureError) as caught:
        salesmanago(reply(429, {}, **told)).users()
    assert caught.value.retry_at is None


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
def test_a_packed_answer_is_unpacked(packed: Callable[[bytes], bytes]) -> None:
    content = packed(b'{"status":"SUCCESS","logs":[]}')
    encoding = "gzip" if packed is gzip.compress else "deflate"
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, content=content, headers={"content-encoding": encoding})
    )
    assert baselinker(transport).journal(0, [1]) == []


@pytest.mark.parametrize("kind", ["application/json;charset=ISO-8859-2", "text/html; charset=windows-1250", "nonsense"])
def test_an_answers_own_word_about_its_charset_is_not_believed(kind: str) -> None:
    row = {"order_id": 7, "delivery_fullname": "Żaneta"}
    content = b"\xef\xbb\xbf" + json.dumps({"status": "SUCCESS", "orders": [row]}, ensure_ascii=False).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content, headers={"content-type": kind}))
    assert baselinker(transport).orders(id_from=1)[0].delivery_fullname == "Żaneta"


@pytest.mark.parametrize("until", ["2020-01-01 00:00:00", "2036-01-01 00:00:00", "yesterday"])
def test_an_absurd_end_of_a_block_neither_hammers_nor_sleeps_for_ever(until: str) -> None:
    with pytest.raises(BackpressureError) as caught:
        baselinker(reply(200, error("ERROR_BLOCKED_TOKEN", f"token blocked until {until}"))).journal(0, [1])
    assert caught.value.retry_at is not None
    assert timedelta(seconds=59) < caught.value.retry_at - NOW <= timedelta(hours=24)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"success": False, "message": ["User not authenticated"]}, FatalError),
        (200, {"success": False, "message": ["Not authenticated"]}, FatalError),
        (200, {"success": False, "message": ["Invalid apiKey"]}, FatalError),
        (200, {"success": False, "message": "Wrong client id"}, FatalError),
        (401, {"message": "no"}, FatalError),
        (200, {"success": False, "message": ["Wrong value of a@example.com"]}, RejectedError),
        (200, {"success": False, "message": ["Forbidden letters in tag"]}, RejectedError),
        (200, {"success": False, "message": []}, RejectedError),
        (200, {"success": True, "message": []}, RetriableError),
        (200, b"<html>", RetriableError),
        (503, b"busy", RetriableError),
        (500, {"success": False, "message": ["Internal error"]}, RetriableError),
        (429, b"", BackpressureError),
        (403, b"<html>cloud</html>", RetriableError),
        (408, {"success": False, "message": ["late"]}, RetriableError),
        (425, b"", RetriableError),
        (520, b"", RetriableError),
        (200, {"success": False, "message": ["Temporarily overloaded"]}, RetriableError),
        (200, [{"success": True}], RetriableError),
        (200, b"null", RetriableError),
        (503, {"success": False, "message": ["busy"]}, RetriableError),
        (429, {"success": False, "message": ["User not authenticated"]}, BackpressureError),
    ],
)
def test_salesmanagos_failures_have_their_kind(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(kind) as caught:
        salesmanago(reply(status, body)).add_event("c", EVENT)
    text = f"{caught.value}{caught.value!r}"
    assert "a@example.com" not in text
    assert SECRET not in text
    if isinstance(caught.value, RetriableError):
        assert caught.value.may_have_applied


def test_consent_is_never_changed_and_nothing_is_blanked() -> None:
    sent: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"success": True, "message": [], "contactId": "c1"})

    assert salesmanago(httpx.MockTransport(handler)).upsert_contact(Contact("a@example.com", tags=("A",))) == "c1"
    body = sent[0]
    assert body["async"] is False
    assert [body[f"force{flag}"] for flag in ("OptIn", "OptOut", "PhoneOptIn", "PhoneOptOut")] == [False] * 4
    assert body["contact"] == {"email": "a@example.com"}
    assert body["sha"] != SECRET


@pytest.mark.parametrize(("event_id", "kind"), [("eventId", "contactExtEventType"), ("id", "type")])
def test_a_cards_events_are_read_in_either_spelling(event_id: str, kind: str) -> None:
    event = {event_id: "e1", kind: "PURCHASE", "externalId": 7, "date": 1763640000000}
    card = {"contactId": "c1", "email": "a@example.com", "contactTags": [{"tag": "A"}], "contactExtEvents": [event]}
    (found,) = salesmanago(reply(200, {"success": True, "contacts": [card]})).contacts_by_email(["a@example.com"])
    assert found.tags == ("A",)
    assert (found.events[0].event_id, found.events[0].type, found.events[0].external_id) == ("e1", "PURCHASE", "7")
    assert "example" not in repr(found)


@pytest.mark.parametrize("result", [True, False, None, "deleted", "removed", 7, [], {}])
def test_a_deletion_is_judged_by_its_success_and_not_by_its_result(result: object) -> None:
    salesmanago(reply(200, {"success": True, "message": [], "result": result})).delete_event("e1")
    with pytest.raises(EventGone):
        refused = {"success": False, "message": ["Event not found"], "result": result}
        salesmanago(reply(200, refused)).delete_event("e1")


class Listener:
    """A raw server that notes what it gets and never answers."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/api"
        self.got = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with suppress(ConnectionResetError):
                while data := connection.recv(65536):
                    self.got += data


def sender(url: str) -> SalesManago:
    return SalesManago(Http("SALESmanago", 0.5), url, "client", SECRET, "key", "owner@example.com")


def test_a_refusal_at_the_write_of_the_body_sends_nothing_of_it() -> None:
    class Refused(Exception):
        pass

    def refuse() -> None:
        raise Refused

    listener = Listener()
    with pytest.raises(Refused):
        sender(listener.url).add_event("c", EVENT, before_write=refuse)
    assert b"contactEvent" not in listener.got
    with pytest.raises(RetriableError) as lost:
        sender(listener.url).add_event("c", EVENT)
    assert lost.value.may_have_applied
    assert b"contactEvent" in listener.got


def test_nobody_listening_is_backpressure() -> None:
    with pytest.raises(BackpressureError):
        sender("http://127.0.0.1:9/api").users()


def test_a_refusal_that_repeats_what_was_sent_is_told_without_it() -> None:
    text = "Invalid value Łucja Zuraw, ul. Polna 5, 00-950 Warszawa in field name of contact"
    contact = Contact("l@example.com", name="Lucja Żuraw", street="ul. Polna 5", zip_code="00-950", city="Warszawa")
    with pytest.raises(RejectedError) as caught:
        salesmanago(reply(200, {"success": False, "message": [text]})).upsert_contact(contact)
    told = str(caught.value)
    assert not any(word in told for word in ("ucja", "uraw", "Polna", "00-950", "Warszawa"))
    assert "Invalid value" in told and "in field name of contact" in told
