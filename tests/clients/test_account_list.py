"""The contacts of the whole account: what a refusal of that call is taken for, and what a failure is not."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from clients import (
    ApiError,
    BackpressureError,
    CallMissing,
    CallRefused,
    CallUnavailable,
    Contact,
    ContactCard,
    FatalError,
    Http,
    RetriableError,
    SalesManago,
)
from sandbox.remote import fetch_state
from sandbox.server import CLIENT_ID, OWNER, SECRET
from tests.harness.stand_ins import sandbox, switch

OTHER = "second@example.com"
EMAIL = "buyer@example.com"
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
CALLS = {"listAll": "account_contacts_by_email", "listAllById": "account_contacts_by_id"}


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """SALESmanago's stand-in, whose account has a second user."""
    with sandbox("--orders", "1") as found:
        switch(found["SALESMANAGO_API_URL"], other_users=[OTHER])
        yield found["SALESMANAGO_API_URL"]


@pytest.fixture
def http() -> Iterator[Http]:
    with closing(Http("SALESmanago", 10.0)) as opened:
        yield opened


def client(
    http: Http, url: str = "http://sm/api", owner: str = OWNER, now: Callable[[], datetime] | None = None
) -> SalesManago:
    return SalesManago(http, url, CLIENT_ID, SECRET, "key", owner, now=now or Clock())


def answering(status: int, body: Any, sent: list[str] | None = None, now: Clock | None = None) -> SalesManago:
    """A client each of whose calls has this answer; `sent` = the paths it asked for."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def handler(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request.url.path.rpartition("/")[2])
        return httpx.Response(status, content=content)

    return client(Http("SALESmanago", transport=httpx.MockTransport(handler)), now=now)


@pytest.mark.parametrize("co_owner", [True, False])
def test_another_users_contact_is_shown_account_wide_whoever_its_owner_is(url: str, http: Http, co_owner: bool) -> None:
    switch(url, co_owner=co_owner, account_list="allowed")
    email = f"{co_owner}@example.com".lower()
    contact_id = client(http, url, OTHER).upsert_contact(Contact(email))
    ours = client(http, url)
    assert ours.contacts_by_email([email]) == ours.contacts_by_id([contact_id]) == []
    assert ours.upsert_contact(Contact(email)) == contact_id
    assert bool(ours.contacts_by_email([email])) is bool(ours.contacts_by_id([contact_id])) is co_owner
    for shown in (ours.account_contacts_by_email([email]), ours.account_contacts_by_id([contact_id])):
        (card,) = shown
        assert (card.contact_id, card.email, card.main_owner) == (contact_id, email, OTHER)
        assert OTHER not in repr(card)


@pytest.mark.parametrize(("reading", "kind"), [("denied", CallRefused), ("403", CallRefused), ("404", CallMissing)])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_the_account_does_not_have_is_asked_for_once_an_hour_and_logged_once(
    url: str, http: Http, reading: str, kind: type[ApiError], call: str, caplog: pytest.LogCaptureFixture
) -> None:
    switch(url, account_list=reading)
    clock = Clock()
    ours = client(http, url, now=clock)

    def asked() -> int:
        return Counter(fetch_state(url)["requests"])[f"contact/{call}"]

    before = asked()
    with caplog.at_level(logging.WARNING):
        for hour in (1, 2):
            for _ in range(3):
                with pytest.raises(kind):
                    getattr(ours, CALLS[call])(["x"])
            assert asked() - before == hour
            clock.now += timedelta(hours=1)
    assert len([one for one in caplog.messages if call in one]) == 1
    assert ours.users() == [OWNER, OTHER], "the key is as good as it was"
    switch(url, account_list="allowed")
    assert getattr(ours, CALLS[call])(["x"]) == []


def test_a_clock_that_goes_back_does_not_prolong_the_hour() -> None:
    sent: list[str] = []
    clock = Clock()
    ours = answering(403, b"", sent, clock)
    for _ in range(2):
        with pytest.raises(CallRefused):
            ours.account_contacts_by_id(["x"])
        clock.now -= timedelta(days=1)
    assert sent == ["listAllById"] * 2


REFUSED = [
    (200, {"success": False, "message": ["Access denied"]}, CallRefused),
    (200, {"success": False, "message": ["User not authenticated"]}, CallRefused),
    (200, {"success": False, "message": ["Owner not found"]}, CallRefused),
    (200, {"success": False, "message": "Contact not found"}, CallRefused),
    (200, {"success": False, "message": []}, CallRefused),
    (200, {"success": "false", "message": ["No permission"]}, CallRefused),
    (400, {"success": False, "message": ["Unknown method"]}, CallRefused),
    (401, {"success": False, "message": ["no"]}, CallRefused),
    (401, {}, CallRefused),
    (401, b"", CallRefused),
    (403, b"<html>no</html>", CallRefused),
    (404, b"<html>no</html>", CallMissing),
    (404, {"success": False, "message": ["Not found"]}, CallMissing),
    (405, b"", CallMissing),
]
FAILED = [
    (500, {"success": False, "message": ["Access denied"]}, RetriableError),
    (502, b"<html>", RetriableError),
    (503, b"", RetriableError),
    (408, {"success": False, "message": ["late"]}, RetriableError),
    (200, b"", RetriableError),
    (200, b"<html>", RetriableError),
    (200, {"message": []}, RetriableError),
    (200, {"success": False, "message": ["Temporarily overloaded"]}, RetriableError),
    (404, {"success": True, "contacts": []}, RetriableError),
    (403, {"success": True, "contacts": []}, RetriableError),
    (429, {"success": False, "message": ["Access denied"]}, BackpressureError),
    (429, b"", BackpressureError),
    (200, {"success": False, "message": ["Too many requests"]}, BackpressureError),
]


@pytest.mark.parametrize(("status", "body", "kind"), REFUSED)
def test_a_refusal_in_any_words_concerns_this_call_and_not_the_key(
    status: int, body: Any, kind: type[ApiError]
) -> None:
    for call in CALLS.values():
        with pytest.raises(kind) as caught:
            getattr(answering(status, body), call)(["x"])
        assert isinstance(caught.value, CallUnavailable)
        assert not isinstance(caught.value, FatalError)


@pytest.mark.parametrize(("status", "body", "kind"), FAILED)
def test_a_failure_is_no_refusal_and_is_asked_again(status: int, body: Any, kind: type[ApiError]) -> None:
    sent: list[str] = []
    ours = answering(status, body, sent)
    for _ in range(2):
        with pytest.raises(kind) as caught:
            ours.account_contacts_by_email([EMAIL])
        assert not isinstance(caught.value, CallUnavailable)
    assert sent == ["listAll"] * 2


def test_a_refusal_is_reported_without_what_was_asked_for() -> None:
    body = {"success": False, "message": ["No access to buyer, buyer@example.com or ab-cd"]}
    for call, value in (("account_contacts_by_email", EMAIL), ("account_contacts_by_id", "ab-cd")):
        with pytest.raises(CallRefused) as caught:
            getattr(answering(200, body), call)([value])
        assert value not in str(caught.value)
        assert "No access to" in str(caught.value)


@pytest.mark.parametrize("events", [None, "", "unreadable", 5, [None], "missing"])
def test_an_account_wide_card_that_does_not_list_its_events_is_not_shown(events: object) -> None:
    card = {"id": "c1", "email": EMAIL, "mainContactOwner": OTHER, "contactExtEvents": events}
    if events == "missing":
        del card["contactExtEvents"]
    for call in CALLS.values():
        assert getattr(answering(200, {"success": True, "contacts": [card]}), call)(["x"]) == []
        card_without_any = card | {"contactExtEvents": []}
        found = getattr(answering(200, {"success": True, "contacts": [card_without_any]}), call)(["x"])
        assert found == [ContactCard("c1", EMAIL, (), (), OTHER)]


@pytest.mark.parametrize("call", CALLS.values())
def test_no_values_are_no_request_and_more_than_50_are_refused(call: str) -> None:
    sent: list[str] = []
    ours = answering(403, b"", sent)
    assert getattr(ours, call)([]) == []
    with pytest.raises(ValueError, match="at most 50"):
        getattr(ours, call)([f"c{number}" for number in range(51)])
    assert sent == []
