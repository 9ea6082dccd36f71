"""Every kind of fault that the stand-ins play, over real sockets: what the clients take it for, and what comes next."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from clients import (
    ApiError,
    BackpressureError,
    BaseLinker,
    Contact,
    Http,
    Pacer,
    PurchaseEvent,
    RejectedError,
    RetriableError,
    SalesManago,
)
from sandbox.faults import KINDS
from sandbox.remote import fetch_state
from sandbox.server import CLIENT_ID, OWNER, SECRET, TOKEN
from tests.harness.stand_ins import ask_sandbox, sandbox, switch

T = TypeVar("T")
SECONDS = 1.0
HARMLESS = {"continue", "idle", "slow", "hang"}
WAITS = {"429", "429plain", "503wait"}
EVENT = PurchaseEvent("7", datetime(2026, 11, 24, 12, tzinfo=UTC), "shop", Decimal("9.99"))


@pytest.fixture(scope="module")
def apis() -> Iterator[dict[str, str]]:
    with sandbox("--orders", "5") as found:
        yield found


@pytest.fixture
def base(apis: dict[str, str]) -> Iterator[BaseLinker]:
    with closing(Http("BaseLinker", SECONDS)) as http:  # connections of its own: an end that comes late hits no other
        yield BaseLinker(http, apis["BASELINKER_API_URL"], TOKEN, Pacer(1e9))


@pytest.fixture
def sales(apis: dict[str, str]) -> Iterator[SalesManago]:
    with closing(Http("SALESmanago", SECONDS)) as http:
        yield SalesManago(http, apis["SALESMANAGO_API_URL"], CLIENT_ID, SECRET, "key", OWNER)


def after_fault(kind: str, call: Callable[[], T]) -> T:
    """The next call: whether the end of a kept connection is seen in time is a race, but it can cost only one."""
    try:
        return call()
    except RetriableError:
        assert kind == "idle"
        return call()


def play(url: str, kind: str, after: bool) -> None:
    switch(url, faults=[{"kind": kind, "after": after, "count": 1, "seconds": 0.3, "retry_after": 1}])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_baselinker_is_told_from_an_answer_and_the_next_call_is_answered(
    apis: dict[str, str], base: BaseLinker, kind: str, after: bool
) -> None:
    play(apis["BASELINKER_API_URL"], kind, after)
    try:
        found = base.journal(0, [1])
    except ApiError as error:
        assert kind not in HARMLESS
        wanted = BackpressureError if kind in WAITS else RejectedError if kind == "oops" else RetriableError
        assert type(error) is wanted, repr(error)
    else:
        assert kind in HARMLESS
        assert found
    base._pacer._blocked_until = None  # not waited out here
    assert after_fault(kind, lambda: base.journal(0, [1]))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_a_create_is_never_taken_for_surely_not_done(
    apis: dict[str, str], sales: SalesManago, kind: str, after: bool
) -> None:
    url = apis["SALESMANAGO_API_URL"]
    contact_id = sales.upsert_contact(Contact("a@example.com"))
    before = len(fetch_state(url)["events"])
    play(url, kind, after)
    try:
        assert sales.add_event(contact_id, EVENT)
    except BackpressureError as error:
        assert kind in WAITS
        assert error.may_have_applied
    except RetriableError as error:
        assert kind not in WAITS | HARMLESS
        assert error.may_have_applied
    else:
        assert kind in HARMLESS
    assert len(fetch_state(url)["events"]) - before == (1 if after or kind in HARMLESS else 0)
    assert after_fault(kind, lambda: sales.upsert_contact(Contact("a@example.com"))) == contact_id


@pytest.mark.parametrize("date", [False, True])
@pytest.mark.parametrize("kind", ["429", "503wait"])
def test_both_apis_are_waited_for_until_the_stated_end(
    apis: dict[str, str], base: BaseLinker, sales: SalesManago, kind: str, date: bool
) -> None:
    fault = {"kind": kind, "count": 1, "retry_after": 30, "date": date}
    for url, call in ((apis["BASELINKER_API_URL"], base.order_sources), (apis["SALESMANAGO_API_URL"], sales.users)):
        switch(url, faults=[fault])
        asked = datetime.now(UTC)
        with pytest.raises(BackpressureError) as caught:
            call()
        assert caught.value.retry_at is not None
        assert caught.value.retry_at - asked >= timedelta(seconds=30)
        assert caught.value.retry_at - datetime.now(UTC) <= timedelta(seconds=31)
    base._pacer._blocked_until = None


def test_the_stand_ins_tell_what_they_were_asked_and_when(apis: dict[str, str], base: BaseLinker) -> None:
    url = apis["BASELINKER_API_URL"]
    switch(url, faults=[{"kind": "empty", "count": 1}])
    with pytest.raises(RetriableError):
        base.order_sources()
    base.order_sources()
    last = ask_sandbox(url, "asked", {})[-2:]
    assert [(one["what"], one["played"]) for one in last] == [("getOrderSources", "empty"), ("getOrderSources", "")]
    assert last[0]["at"] <= last[1]["at"]
