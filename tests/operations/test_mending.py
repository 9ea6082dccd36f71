"""`replay`, `backfill`, `dead-letters`: previews change nothing, doing it never creates a purchase twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from operations.kafka_reads import KafkaReads
from operations.output import Refused
from operations.replay import move_offsets, plan_replay
from runtime.settings import load_settings
from sandbox.remote import fetch_state
from schemas.topics import Topics
from tests.harness.commands import bl2sm
from tests.harness.judge import wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox, switch
from tests.harness.topics import committed_offsets, dead_letters, read_whole
from tests.harness.waiting import wait_until


def purchases(apis: dict[str, str]) -> Counter[str]:
    """How many purchases each order has."""
    return Counter(str(event["externalId"]) for event in fetch_state(apis["SALESMANAGO_API_URL"])["events"])


def kinds(apis: dict[str, str], kind: str) -> list[dict[str, Any]]:
    """The writes of a kind that arrived."""
    return [write for write in fetch_state(apis["SALESMANAGO_API_URL"])["writes"] if write["kind"] == kind]


def journal(kafka: str, prefix: str) -> int:
    """How many messages the journal holds."""
    return len(read_whole(kafka, Topics(prefix).journal))


def test_replays_are_previewed_refused_beside_members_and_update_what_is_there(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            before, count = committed_offsets(kafka, prefix), journal(kafka, prefix)
            told = bl2sm(environment, "replay", "--from-offset", "0", "--json")
            assert told.code == 0
            assert told.data["executed"] is False
            assert told.data["entries"] == count
            orders = {log["order_id"] for log in fetch_state(apis["BASELINKER_API_URL"])["logs"]}
            assert told.data["orders"] == len(orders)
            order, created = next(iter(purchases(apis))), purchases(apis)
            told = bl2sm(environment, "replay", "--order", order, "--json").data
            assert (told["executed"], told["requests"]) == (False, 1)
            assert (committed_offsets(kafka, prefix), journal(kafka, prefix)) == (before, count)

            live = programs.start("processor")
            wait_until(lambda: bl2sm(environment, "status", "--json").data["processors"], 60, "a member")
            refused = bl2sm(environment, "replay", "--from-offset", "0", "--execute")
            assert refused.code == 1
            assert "stop them" in refused.err
            assert committed_offsets(kafka, prefix) == before
            assert bl2sm(environment, "replay", "--order", order, "--execute").code == 0
            wait_until(lambda: kinds(apis, "update"), 60, "the update")
            assert [str(write["external_id"]) for write in kinds(apis, "update")] == [order]
            live.terminate()
            assert live.wait(60) == 0

            assert bl2sm(environment, "replay", "--from-offset", "0", "--execute", "--json").data["executed"] is True
            told = bl2sm(environment, "status", "--json")
            assert told.data["replaying"] > 0
            assert told.data["oldest_unfinished_order"] is None, "what is replayed had its outcome before"
            rest = bl2sm(environment, "replay", "--stop", "--json").data
            assert (rest["executed"], rest["entries"]) == (False, told.data["replaying"])
            moved = committed_offsets(kafka, prefix)
            assert bl2sm(environment, "replay", "--stop", "--execute", "--json").data == {**rest, "executed": True}
            assert bl2sm(environment, "status", "--json").data["replaying"] == 0
            assert committed_offsets(kafka, prefix) == moved
            assert "no replay is under way" in bl2sm(environment, "replay", "--stop").err
            updates = len(kinds(apis, "update"))
            programs.finish()
            left = {str(write["external_id"]) for write in kinds(apis, "update")[updates:]}
            assert left <= {order}, "what was sent before stays as it is, but for entries of `replay --order`"
            again = bl2sm(environment, "replay", "--from-offset", rest["from_offset"], "--execute", "--json").data
            assert again["entries"] == rest["entries"]
            programs.finish()
            assert bl2sm(environment, "status", "--json").data["replaying"] == 0
        assert wrong(apis) == []
        assert purchases(apis) == created
        assert set(created.values()) == {1}
        assert {str(write["external_id"]) for write in kinds(apis, "update")[1:]} == set(created)


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


def test_a_plan_that_was_made_before_the_group_moved_back_leaves_nothing_out(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
        with KafkaReads(load_settings(environment, None, need="kafka")) as reads:
            plan = plan_replay(reads, "2", None)
            assert bl2sm(environment, "replay", "--from-offset", "0", "--execute").code == 0
            with pytest.raises(Refused, match="moved back meanwhile"):
                move_offsets(reads, plan)
            assert set(committed_offsets(kafka, prefix).values()) == {0}
            move_offsets(reads, plan_replay(reads, "0", None))


def test_a_dropped_letter_is_gone_and_the_others_are_sent_once_the_cause_is_mended(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        orders = fetch_state(apis["BASELINKER_API_URL"])["orders"]
        shops = [one for one in orders if one["order_source"] == "shop" and one["confirmed"] and one["email"]]
        switch(apis["SALESMANAGO_API_URL"], reject_emails=[one["email"] for one in shops[:3]])
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            count = journal(kafka, prefix)
            listed = bl2sm(environment, "dead-letters", "list", "--json").data
            total = listed["total"]
            assert total == len(dead_letters(kafka, Topics(prefix))) > 2
            assert listed["by_reason"] == {"rejected": total}
            key, order = listed["letters"][0]["key"], listed["letters"][0]["order_id"]
            assert bl2sm(environment, "dead-letters", "show", key, "--json").data["reason"] == "rejected"
            assert bl2sm(environment, "dead-letters", "show", "9/9").code == 1
            for command in ("drop", "retry"):
                preview = bl2sm(environment, "dead-letters", command, "--json").data
                assert (preview["executed"], preview["count"]) == (False, total)
                assert preview.get("requests", 0) == (1 if command == "retry" else 0)
            assert "fires the shop's automations" in bl2sm(environment, "dead-letters", "retry").err
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == total
            for command in ("list", "drop", "retry"):
                misspelt = bl2sm(environment, "dead-letters", command, "--reason", "reject")
                assert (misspelt.code, f"there are: {total} rejected" in misspelt.err) == (0, True)

            dropped = [one["key"] for one in listed["letters"] if one["order_id"] == order]
            assert bl2sm(environment, "dead-letters", "drop", *dropped, "--execute").code == 0
            left = total - len(dropped)
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == left > 0
            assert journal(kafka, prefix) == count

            switch(apis["SALESMANAGO_API_URL"], reject_emails=[])
            programs.start("processor")
            assert bl2sm(environment, "dead-letters", "retry", "--execute", "--json").data["count"] == left
            assert bl2sm(environment, "dead-letters", "list", "--json").data["total"] == 0
            headers = [dict(found.headers() or []) for found in read_whole(kafka, Topics(prefix).journal)]
            assert [one["bl2sm.retries"] for one in headers if one] == [b"1"] * left
            others = {str(one["order_id"]) for one in listed["letters"]} - {str(order)}
            wait_until(lambda: others <= set(purchases(apis)), 60, "the others are sent")
            assert str(order) not in purchases(apis)
            told = bl2sm(environment, "audit", "--since", "30d", "--json").data
            (finding,) = [one for one in told["findings"] if one["order_id"] == order]
            assert "off the list" in finding["why"]
            words = finding["mend"].split()
            assert words[:2] == ["bl2sm", "replay"]
            assert bl2sm(environment, *words[1:]).code == 0
            wait_until(lambda: wrong(apis) == [], 60, "the dropped one, too, once it is asked for")
        assert set(purchases(apis).values()) == {1}
