"""`replay`, `backfill`, `dead-letters`: previews change nothing, doing it never creates a purchase twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sandbox.verify import fetch_state
from schemas.topics import Topics
from tests.operations.commands import bl2sm
from tests.programs import (
    Programs,
    committed_offsets,
    dead_letters,
    read_whole,
    sandbox,
    settings,
    switch,
    wait_until,
    wrong,
)


def purchases(apis: dict[str, str]) -> Counter[str]:
    """How many purchases each order has."""
    return Counter(str(event["externalId"]) for event in fetch_state(apis["SALESMANAGO_API_URL"])["events"])


def kinds(apis: dict[str, str], kind: str) -> list[dict[str, Any]]:
    """The writes of a kind that arrived."""
    return [write for write in fetch_state(apis["SALESMANAGO_API_URL"])["writes"] if write["kind"] == kind]


def journal(kafka: str, prefix: str) -> int:
    """How many messages the journal holds."""
    return len(read_whole(kafka, Topics(prefix).journal))


def test_replay_of_offsets_is_previewed_refused_beside_members_and_shown(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            before = committed_offsets(kafka, prefix)
            told = bl2sm(environment, "replay", "--from-offset", "0", "--json")
            assert told.code == 0
            assert told.data["executed"] is False
            assert told.data["entries"] == journal(kafka, prefix)
            orders = {log["order_id"] for log in fetch_state(apis["BASELINKER_API_URL"])["logs"]}
            assert told.data["orders"] == len(orders)
            assert committed_offsets(kafka, prefix) == before
            live = programs.start("processor")
            wait_until(lambda: bl2sm(environment, "status", "--json").data["processors"], 60, "a member")
            refused = bl2sm(environment, "replay", "--from-offset", "0", "--execute")
            assert refused.code == 1
            assert "stop them" in refused.err
            live.terminate()
            assert live.wait(60) == 0
            assert committed_offsets(kafka, prefix) == before
            assert bl2sm(environment, "replay", "--from-offset", "0", "--execute", "--json").data["executed"] is True
            assert bl2sm(environment, "status", "--json").data["replaying"] > 0
            created = purchases(apis)
            programs.finish()
            assert bl2sm(environment, "status", "--json").data["replaying"] == 0
        assert wrong(apis) == []
        assert purchases(apis) == created
        assert {str(write["external_id"]) for write in kinds(apis, "update")} == set(created)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--from-offset", "999999"], 2, "there is no offset 999999"),
        (["--from-offset", "seven"], 2, "--from-offset takes N"),
        (["--from-time", "2999-01-01"], 2, "lies in the future"),
        (["--from-time", "yesterday"], 2, "ISO date"),
        (["--order", "999999999"], 1, "does not know order 999999999"),
        (["--order", "0"], 2, "0 is no order id"),
        ([], 2, "give one of"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused_with_a_sentence(
    kafka: str, arguments: list[str], code: int, said: str, empty_shop: dict[str, str]
) -> None:
    ran = bl2sm(empty_shop, "replay", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.fixture(scope="module")
def empty_shop(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A deployment with topics and nothing in them."""
    with sandbox("--orders", "3") as apis:
        environment = settings(apis, kafka, f"t{tmp_path_factory.mktemp('empty').name}{id(apis):x}")
        assert bl2sm(environment, "topics").code == 0
        yield environment


def test_replay_of_an_order_updates_its_purchase_beside_a_running_processor(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            programs.start("processor")
            order = next(iter(purchases(apis)))
            count = journal(kafka, prefix)
            assert bl2sm(environment, "replay", "--order", order, "--json").data["executed"] is False
            assert journal(kafka, prefix) == count
            assert bl2sm(environment, "replay", "--order", order, "--execute").code == 0
            wait_until(lambda: kinds(apis, "update"), 60, "the update")
            assert [str(write["external_id"]) for write in kinds(apis, "update")] == [order]
        assert set(purchases(apis).values()) == {1}


def test_backfill_sends_what_the_journal_never_named_and_nothing_twice(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "25") as apis:
        environment = settings(apis, kafka, prefix) | {"SWEEP_INTERVAL_SECONDS": "0"}
        orders = fetch_state(apis["BASELINKER_API_URL"])["orders"]
        logs = fetch_state(apis["BASELINKER_API_URL"])["logs"]
        hidden = {log["order_id"] for log in logs[: len(logs) // 3]}
        switch(
            apis["BASELINKER_API_URL"],
            hidden_log_ids=[log["log_id"] for log in logs if log["order_id"] in hidden],
        )
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            sent = purchases(apis)
            assert wrong(apis) != []
            told = bl2sm(environment, "backfill", "--since", "30d", "--json")
            assert told.code == 0, told.err
            confirmed = [one for one in orders if one["confirmed"]]
            assert told.data["complete"] is True
            assert told.data["orders"] == len(confirmed)
            assert told.data["delivered"] == len(sent)
            assert purchases(apis) == sent
            done = bl2sm(environment, "backfill", "--since", "30d", "--execute", "--json")
            assert done.data["published"] == len(confirmed)
            programs.finish()
        assert wrong(apis) == []
        assert set(purchases(apis).values()) == {1}
        assert kinds(apis, "update") == []


def test_dead_letters_are_tried_again_once_the_cause_is_mended(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        orders = fetch_state(apis["BASELINKER_API_URL"])["orders"]
        refused = next(
            one["email"] for one in orders if one["order_source"] == "shop" and one["confirmed"] and one["email"]
        )
        switch(apis["SALESMANAGO_API_URL"], reject_emails=[refused])
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            listed = bl2sm(environment, "dead-letters", "list", "--json").data
            assert listed["total"] == len(dead_letters(kafka, Topics(prefix))) > 0
            assert listed["by_reason"] == {"rejected": listed["total"]}
            key = listed["letters"][0]["key"]
            assert bl2sm(environment, "dead-letters", "show", key, "--json").data["reason"] == "rejected"
            assert bl2sm(environment, "dead-letters", "show", "9/9").code == 2
            switch(apis["SALESMANAGO_API_URL"], reject_emails=[])
            preview = bl2sm(environment, "dead-letters", "retry", "--json").data
            assert preview["executed"] is False
            assert preview["count"] == listed["total"]
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == listed["total"]
            programs.start("processor")
            assert bl2sm(environment, "dead-letters", "retry", "--execute", "--json").data["count"] == listed["total"]
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == 0
            headers = [dict(found.headers() or []) for found in read_whole(kafka, Topics(prefix).journal)]
            assert [one["bl2sm.retries"] for one in headers if one] == [b"1"] * listed["total"]
            wait_until(lambda: wrong(apis) == [], 60, "the refused orders are sent")
        assert set(purchases(apis).values()) == {1}


def test_dropped_dead_letters_are_gone_and_nothing_is_sent(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        orders = fetch_state(apis["BASELINKER_API_URL"])["orders"]
        refused = next(
            one["email"] for one in orders if one["order_source"] == "shop" and one["confirmed"] and one["email"]
        )
        switch(apis["SALESMANAGO_API_URL"], reject_emails=[refused])
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            total = bl2sm(environment, "dead-letters", "list", "--json").data["total"]
            count = journal(kafka, prefix)
            assert bl2sm(environment, "dead-letters", "drop", "--json").data["count"] == total
            key = bl2sm(environment, "dead-letters", "list", "--json").data["letters"][0]["key"]
            assert bl2sm(environment, "dead-letters", "drop", key, "--execute").code == 0
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == total - 1
            assert journal(kafka, prefix) == count
