"""`probe` finds the journal's end in few requests, sees a log id that turns up late, and keeps its bound."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from clients import BaseLinker, JournalLog
from operations.apis import Apis, open_apis
from operations.late_ids import MOST_JUMPS, watch_end
from operations.probe import LOG_TYPES, probe_baselinker
from runtime.settings import load_settings
from sandbox.remote import fetch_state
from tests.harness.programs import settings
from tests.harness.stand_ins import ask_sandbox, sandbox, switch

QUESTION = "a log id turns up late, below a higher one"


@pytest.fixture(scope="module")
def shop() -> Iterator[dict[str, str]]:
    """Settings of a shop; there is no Kafka."""
    with sandbox("--orders", "60") as apis:
        yield settings(apis, "127.0.0.1:1", "late")


@pytest.fixture
def apis(shop: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Apis]:
    """Its APIs."""
    monkeypatch.setattr("operations.turn.ANSWER_SECONDS", 0.1)  # no Kafka answers
    with pytest.warns(UserWarning, match="above the 100"):
        given = load_settings(shop, None, need="processor")
    with open_apis(given) as opened:
        yield opened
    switch(shop["BASELINKER_API_URL"], journal_page=100, cursor="inclusive", hidden_log_ids=[])


def place(shop: dict[str, str], order_id: int) -> int:
    """Give the shop an order; return its log id."""
    order = {**fetch_state(shop["BASELINKER_API_URL"])["orders"][0], "order_id": order_id}
    answer = ask_sandbox(shop["BASELINKER_API_URL"], "orders", {"order": order, "log_types": [1]})
    return int(answer["log_ids"][0])


@pytest.mark.parametrize("cursor", ["inclusive", "exclusive"])
@pytest.mark.parametrize("size", [100, 1000])
def test_the_end_of_a_short_journal_is_found(shop: dict[str, str], apis: Apis, size: int, cursor: str) -> None:
    switch(shop["BASELINKER_API_URL"], journal_page=size, cursor=cursor)
    newest = place(shop, 990_000_000 + size)
    watched = watch_end(apis.base, apis.base.journal(0, LOG_TYPES), LOG_TYPES, datetime.now(UTC))
    assert watched is not None
    assert max(watched.log_ids) == newest


@pytest.mark.parametrize(("entries", "night"), [(600, 12), (9000, 0), (9000, 8)])
def test_the_end_of_a_long_journal_with_nights_is_found_in_few_requests(entries: int, night: int) -> None:
    for hour in range(24):
        now = datetime(2026, 11, 10, hour, 30, tzinfo=UTC)
        journal = LongJournal(entries, night, now)
        watched = watch_end(cast("BaseLinker", journal), journal.journal(0, LOG_TYPES), LOG_TYPES, now)
        assert watched is not None, hour
        assert max(watched.log_ids) == journal.logs[-1].log_id
        assert journal.requests <= MOST_JUMPS + 2


class LongJournal:
    """Three days, a page 100, with so many hours of silence a day; ids are a wider sequence."""

    def __init__(self, entries: int, night: int, now: datetime) -> None:
        self.requests = 0
        dates = [now - timedelta(hours=72 - number * 72 / entries) for number in range(entries)]
        loud = [date for date in dates if date.hour >= night or now - date < timedelta(minutes=12)]
        self.logs = [JournalLog(10**6 + 7 * number, 1, number, None, date) for number, date in enumerate(loud)]

    def journal(self, last_log_id: int, log_types: object) -> list[JournalLog]:
        """Return a page."""
        self.requests += 1
        return [row for row in self.logs if row.log_id >= last_log_id][:100]


def test_a_log_id_that_turns_up_below_a_higher_one_is_seen_and_no_other_is_taken_for_one(
    shop: dict[str, str], apis: Apis
) -> None:
    url = shop["BASELINKER_API_URL"]
    hidden = place(shop, 991_000_001)
    higher = place(shop, 991_000_002)
    switch(url, hidden_log_ids=[hidden])
    assert hidden < higher

    def read(between: dict[str, list[int]] | None) -> str:
        def sleep(_: float) -> None:
            if between is not None:
                switch(url, **between)
                place(shop, 991_000_003)

        return next(fact.answer for fact in probe_baselinker(apis.base, sleep) if fact.question == QUESTION)

    assert read(None).startswith("not seen: no new entry")
    assert read({"hidden_log_ids": [hidden]}).startswith("no: 0 of 1")
    assert read({"hidden_log_ids": []}).startswith("yes: 1 of 2")
