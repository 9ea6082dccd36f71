"""Saved settings and the switch, with processors that run: judged by what arrives, and by what does not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from operations.kafka_reads import KafkaReads
from operations.live_settings import read, save_rules, save_switch, with_value
from operations.status_read import read_status
from runtime.settings import Settings, load_settings
from sandbox.remote import fetch_state
from schemas.records import Outcome, Switch
from schemas.topics import Topics
from tests.harness.commands import bl2sm, catch_up
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import purchases, sandbox, switch, writes
from tests.harness.topics import ledger_rows, read_whole
from tests.harness.waiting import wait_until
from tests.operations.shop import buyer, sell


def deployment(kafka: str, prefix: str) -> Settings:
    return load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, "kafka")


def test_two_processors_take_over_a_saved_setting_a_pause_and_a_resume(kafka: str, prefix: str, tmp_path: Path) -> None:
    quick = {"SESSION_TIMEOUT_MS": "7000", "CREATE_TIMEOUT_SECONDS": "2", "SETTLE_SECONDS": "1"}
    with sandbox("--orders", "6") as apis, Programs(settings(apis, kafka, prefix) | quick, tmp_path) as programs:
        programs.start("producer")
        first, second = both = [programs.serve("processor") for _ in range(2)]
        wait_until(lambda: all(programs.checks(one).get("saved settings") == "ok" for one in both), 60, "both run")
        wait_until(lambda: len(purchases(apis)) > 0, 60, "the first orders arrive")

        def run(*arguments: str) -> Any:
            ran = bl2sm(programs.environment, *arguments, "--by", "ala", "--json")
            assert ran.code == 0, ran.err
            return ran.data

        preview = run("settings", "set", "SKIP_SHOP_ORDERS", "true")
        assert (preview["executed"], len(preview["differences"])) == (False, 1)
        assert run("settings", "set", "SKIP_SHOP_ORDERS", "true", "--execute")["executed"]
        wait_until(lambda: programs.logged("the shop's settings changed") == 2, 30, "both took it over")
        skipped = sell(apis, 8)
        wait_until(lambda: set(skipped) <= set(ledger_rows(kafka, prefix)), 60, "the new ones are judged")
        assert {ledger_rows(kafka, prefix)[number].reason for number in skipped} == {"shop_order"}
        told = bl2sm(programs.environment, "explain", str(skipped[0]), "--json").data
        assert told["now"]["decision"] == "skip: shop_order"
        assert {one["name"]: one["source"] for one in told["settings"]} == {
            "CONTACT_TAG": "environment",
            "SALESMANAGO_LOCATION": "environment",
            "TAG_ORDER_SOURCE": "environment",
            "SKIP_SHOP_ORDERS": "saved",
        }
        tried = bl2sm(programs.environment, "process", "--dry-run", "--json", SKIP_SHOP_ORDERS="false")
        assert "of the environment" in tried.err
        verdicts = {one["order_id"]: one["decision"] for one in map(json.loads, tried.out.splitlines())}
        assert {verdicts[number] for number in skipped} == {"send"}
        here = deployment(kafka, prefix)
        save_rules(here, with_value(read(here), "SKIP_SHOP_ORDERS", None, "ala", datetime.now(UTC)))

        assert run("pause", "--reason", "a look at the tags")["changed"]
        says = "paused by ala since"
        wait_until(lambda: all(says in programs.checks(one).get("switch", "") for one in both), 30, "both pause")
        before, entries = writes(apis), len(read_whole(kafka, Topics(prefix).journal))
        waiting = sell(apis, 8)
        first.kill()
        heir = programs.serve("processor")
        wait_until(lambda: len(read_whole(kafka, Topics(prefix).journal)) == entries + 8, 30, "the producer goes on")
        wait_until(lambda: says in programs.checks(heir).get("switch", ""), 60, "an heir comes up paused")
        broken = Producer({"bootstrap.servers": kafka})
        for key in (b"switch", b"rules"):
            broken.produce(Topics(prefix).settings, key=key, value=b"no record")
        assert broken.flush(30) == 0
        wait_until(
            lambda: programs.logged("a saved setting can't be used: the one before it stays in effect") == 4, 30, ""
        )
        once = programs.start("processor", "--until-caught-up")
        assert once.wait(60) == 1
        assert "bl2sm resume" in programs.log(once)
        wait_until(lambda: programs.checks(heir).get("assignment") == "ok", 60, "the killed one's partitions are taken")
        assert writes(apis) == before
        assert programs.log(heir).count('"paused"') == 1
        with KafkaReads(here) as reads:
            assert any(says in problem for problem in read_status(reads).problems)
        shown = bl2sm(programs.environment, "settings", "--json").data
        assert shown["switch"]["reason"] == "a look at the tags"
        assert [one["changed_by"] for one in shown["history"]] == ["", "", "ala", "ala", "ala"]

        assert run("resume")["changed"]
        wait_until(lambda: set(map(str, waiting)) <= set(purchases(apis)), 60, "what waited arrives")
        assert {purchases(apis)[str(number)] for number in waiting} == {1}
        assert not set(map(str, skipped)) & set(purchases(apis))
        assert [programs.checks(one)["switch"] for one in (second, heir)] == ["ok", "ok"]


@pytest.mark.slow
def test_a_pause_during_work_finishes_what_was_begun_and_the_rest_is_decided_again(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "4") as apis:
        environment = settings(apis, kafka, prefix) | {"DELIVERY_THREADS": "3", "TAG_ORDER_SOURCE": "none"}
        first = sell(apis, 5)
        catch_up(environment)
        arrived = len(purchases(apis))
        switch(apis["SALESMANAGO_API_URL"], latency=1.0)  # 40 orders take 40 s: the pause comes in the middle
        ids = first + sell(apis, 40)
        catch_up(environment, "producer")
        with Programs(environment, tmp_path) as programs:
            processor = programs.serve("processor")
            wait_until(lambda: len(purchases(apis)) > arrived, 60, "some arrive")
            here, now = deployment(kafka, prefix), datetime.now(UTC)
            save_switch(here, Switch(True, "", "ala", now))
            wait_until(lambda: "paused by ala" in programs.checks(processor).get("switch", ""), 30, "it pauses")
            before = writes(apis)
            sent = set(purchases(apis))
            assert len(first) < len(sent & set(map(str, ids))) < len(ids)
            assert all(row.outcome is not Outcome.SENDING for row in ledger_rows(kafka, prefix).values())
            save_rules(here, with_value(read(here), "CONTACT_TAG", "Nowy", "ala", now))
            assert writes(apis) == before
            switch(apis["SALESMANAGO_API_URL"], latency=0.0)
            save_switch(here, Switch(False, "", "ala", now))
            wait_until(lambda: set(map(str, ids)) <= set(purchases(apis)), 60, "the rest arrives")
            processor.terminate()
            assert processor.wait(40) == 0
            assert set(purchases(apis).values()) == {1}
            contacts = fetch_state(apis["SALESMANAGO_API_URL"])["contacts"]
            tags = {one["email"]: set(one["tags"]) for one in contacts}
            for number in ids:
                assert ("NOWY" in tags[buyer(number)]) == (str(number) not in sent)
