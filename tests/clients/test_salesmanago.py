"""Single events go by API v2's paths, by v1's where v2 has none, and never twice."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from clients import Contact, Http, PurchaseEvent, RetriableError, SalesManago
from clients.http import Answer
from clients.salesmanago import EventApi
from sandbox.remote import fetch_state
from sandbox.server import CLIENT_ID, OWNER, SECRET
from tests.harness.stand_ins import sandbox, switch

ADD, UPDATE = "contact/addContactExtEvent", "contact/updateContactExtEvent"
EVENT = PurchaseEvent("7", datetime(2026, 11, 24, 12, tzinfo=UTC), "sandbox_shop", Decimal("9.99"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """SALESmanago's stand-in."""
    with sandbox("--orders", "1") as found:
        yield found["SALESMANAGO_API_URL"]


@pytest.fixture
def http() -> Iterator[Http]:
    with closing(Http("SALESmanago", 10.0)) as opened:
        yield opened


class Asked:
    """The event paths that a stand-in was asked for, and the purchases it made, since this was made."""

    def __init__(self, url: str) -> None:
        self._url, self._before = url, fetch_state(url)

    def paths(self) -> dict[str, int]:
        found = Counter(fetch_state(self._url)["paths"]) - Counter(self._before["paths"])
        return {path: count for path, count in found.items() if "ExtEvent" in path}

    def purchases(self) -> int:
        return len(fetch_state(self._url)["events"]) - len(self._before["events"])


def client(http: Http, url: str, event_api: EventApi = "auto") -> SalesManago:
    return SalesManago(http, url, CLIENT_ID, SECRET, "key", OWNER, event_api=event_api)


def add_and_update(sales: SalesManago) -> None:
    contact_id = sales.upsert_contact(Contact("buyer@example.com"))
    for _ in range(2):
        event_id = sales.add_event(contact_id, EVENT)
        assert sales.update_event(contact_id, event_id, EVENT) == event_id


@pytest.mark.parametrize(
    ("there", "event_api", "used"),
    [
        ("both", "auto", "v2/"),
        ("both", "v2", "v2/"),
        ("both", "v1", ""),
        ("v2", "auto", "v2/"),
        ("v2", "v2", "v2/"),
        ("v1", "auto", ""),
        ("v1", "v1", ""),
    ],
)
@pytest.mark.parametrize("absent", [404, 405])
def test_each_event_is_made_once_whichever_paths_there_are(
    url: str, http: Http, there: str, event_api: EventApi, used: str, absent: int
) -> None:
    switch(url, event_api=there, absent_status=absent)
    asked = Asked(url)
    add_and_update(client(http, url, event_api))
    assert asked.purchases() == 2
    assert asked.paths() == {used + ADD: 2, used + UPDATE: 2}


def test_a_path_that_v2_does_not_have_is_asked_for_and_logged_once(
    url: str, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    switch(url, event_api="v1", absent_status=404)
    tried: list[str] = []
    sales = SalesManago(http, url, CLIENT_ID, SECRET, "key", OWNER, counted=tried.append)
    with caplog.at_level(logging.WARNING):
        add_and_update(sales)
    assert Counter(tried)[f"/v2/{ADD}"] == Counter(tried)[f"/v2/{UPDATE}"] == 1
    assert [ADD in caplog.messages[0], UPDATE in caplog.messages[1], len(caplog.messages)] == [True, True, 2]


@pytest.mark.parametrize(("there", "event_api"), [("v1", "v2"), ("v2", "v1")])
def test_a_version_that_was_chosen_is_not_left(url: str, http: Http, there: str, event_api: EventApi) -> None:
    switch(url, event_api=there, absent_status=404)
    sales = client(http, url, event_api)
    contact_id = sales.upsert_contact(Contact("buyer@example.com"))
    asked = Asked(url)
    with pytest.raises(RetriableError):
        sales.add_event(contact_id, EVENT)
    assert (asked.purchases(), asked.paths()) == (0, {})


def test_a_lease_that_ends_between_both_paths_keeps_the_event_unsent(url: str, http: Http) -> None:
    class Lost(Exception):
        pass

    checks: list[None] = []

    def check() -> None:
        checks.append(None)
        if len(checks) > first:
            raise Lost

    sales = client(http, url)
    contact_id = sales.upsert_contact(Contact("buyer@example.com"))
    switch(url, event_api="both")
    checked, first = Asked(url), 1000
    client(http, url).add_event(contact_id, EVENT, before_write=check)
    assert checked.purchases() == 1
    first = len(checks)  # how often one request is checked
    checks.clear()
    switch(url, event_api="v1", absent_status=404)
    asked = Asked(url)
    with pytest.raises(Lost):
        sales.add_event(contact_id, EVENT, before_write=check)
    assert len(checks) == first + 1
    assert (asked.purchases(), asked.paths()) == (0, {})


@pytest.mark.parametrize("status", [404, 405])
def test_a_404_that_reports_success_may_have_made_the_event_and_is_not_sent_again(status: int) -> None:
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return httpx.Response(status, json={"success": True, "message": [], "eventId": "e1"})

    http = Http("SALESmanago", transport=httpx.MockTransport(handler))
    with pytest.raises(RetriableError) as caught:
        client(http, "http://sm/api").add_event("c1", EVENT)
    assert caught.value.may_have_applied
    assert sent == [f"/api/v2/{ADD}"]


class Late(Http):
    """v2 does not have the path; notes for how long each request may take."""

    def __init__(self, seconds: float) -> None:
        super().__init__("SALESmanago", seconds)
        self.given: list[float | None] = []

    def post_json(
        self, url: str, body: Any, before_write: Callable[[], None] | None = None, seconds: float | None = None
    ) -> Answer:
        """Answer at once."""
        self.given.append(seconds)
        return Answer(404, {}, b"") if "/v2/" in url else Answer(200, {}, b'{"success":true,"eventId":"e1"}')


def test_both_requests_have_the_time_of_one() -> None:
    http = Late(10.0)
    client(http, "http://sm/api").add_event("c1", EVENT)
    whole, left = http.given
    assert whole is None and left is not None and left <= 10.0
    used_up = Late(0.0)
    with pytest.raises(RetriableError) as caught:
        client(used_up, "http://sm/api").add_event("c1", EVENT)
    assert not caught.value.may_have_applied
    assert len(used_up.given) == 1
