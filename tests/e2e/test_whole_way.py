"""Sandbox, Kafka, producer and processors as processes of their own; judged by what arrived.

One deployment is shared by all tests that leave it as they found it: everything delivered, nothing running.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.harness.commands import bl2sm
from tests.harness.judge import wrong
from tests.harness.programs import PROTOCOLS, QUICK, Programs, settings
from tests.harness.stand_ins import purchases, sandbox, writes
from tests.harness.topics import group_members, ledger_rows, publish_shop
from tests.harness.waiting import LONG, wait_until


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where everything that was due has been delivered."""

    apis: dict[str, str]
    kafka: str
    prefix: str
    programs: Programs


@pytest.fixture(scope="module")
def delivered(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    with (
        sandbox("--orders", "60") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK, tmp_path_factory.mktemp("delivered")) as programs,
    ):
        programs.catch_up("producer")
        processors = [programs.start("processor", "--until-caught-up") for _ in range(2)]
        assert [processor.wait(LONG) for processor in processors] == [0, 0], programs.tails()
        yield Deployment(apis, kafka, prefix, programs)


def test_every_order_arrives_as_the_rules_say(delivered: Deployment) -> None:
    assert len(purchases(delivered.apis)) > 20
    assert wrong(delivered.apis) == []


def test_every_order_arrives_whichever_way_the_journals_cursor_and_an_orders_fields_are_meant(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with (
        sandbox("--orders", "120", "--cursor", "exclusive", "--types", "old") as apis,
        Programs(settings(apis, kafka, prefix), tmp_path) as programs,
    ):
        programs.finish()
        assert wrong(apis) == []


def test_a_second_run_sends_nothing_again(delivered: Deployment) -> None:
    before = writes(delivered.apis)
    delivered.programs.finish()
    assert writes(delivered.apis) == before


def test_a_group_without_offsets_reads_everything_again_and_sends_nothing(delivered: Deployment) -> None:
    before, group = writes(delivered.apis), f"{delivered.prefix}-processor"
    admin = AdminClient({"bootstrap.servers": delivered.kafka})
    wait_until(lambda: not group_members(delivered.kafka, group), LONG, "nobody is in the group")
    admin.delete_consumer_groups([group], request_timeout=20)[group].result()
    delivered.programs.catch_up("processor")
    assert writes(delivered.apis) == before
    assert wrong(delivered.apis) == []


def test_everything_moved_to_an_empty_cluster_adopts_what_is_there(
    delivered: Deployment, prefix: str, tmp_path: Path
) -> None:
    """Another prefix is what another cluster is: no journal, no cursor, no ledger, no offsets."""
    created = purchases(delivered.apis)
    environment = settings(delivered.apis, delivered.kafka, prefix) | QUICK
    with Programs(environment, tmp_path) as programs:
        programs.finish()
    rows = ledger_rows(delivered.kafka, prefix).values()
    assert sum(row.reason == "adopted" for row in rows) == created.total()
    assert purchases(delivered.apis) == created
    assert wrong(delivered.apis) == []


def test_a_replay_updates_what_is_there_and_creates_nothing_twice(delivered: Deployment) -> None:
    environment, before = delivered.programs.environment, writes(delivered.apis)
    replay = ("replay", "--from-offset", "0", "--json")
    assert bl2sm(environment, *replay).data["executed"] is False
    assert writes(delivered.apis) == before
    assert bl2sm(environment, *replay, "--execute").code == 0
    delivered.programs.catch_up("processor")
    assert wrong(delivered.apis) == []
    sent = writes(delivered.apis)[len(before) :]
    assert {write["kind"] for write in sent} == {"contact", "update"}
    updated = [str(write["external_id"]) for write in sent if write["kind"] == "update"]
    assert sorted(updated) == sorted(purchases(delivered.apis).elements())


def test_a_replay_never_moves_the_group_over_what_is_not_done_yet(kafka: str, prefix: str, tmp_path: Path) -> None:
    with (
        sandbox("--orders", "20") as apis,
        Programs(settings(apis, kafka, prefix), tmp_path) as programs,
    ):
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        now = datetime.now(UTC).isoformat()
        assert bl2sm(programs.environment, "replay", "--from-time", now, "--execute").code == 0
        programs.catch_up("processor")
        assert wrong(apis) == []


def test_a_killed_processor_costs_no_order_and_doubles_none(kafka: str, prefix: str, tmp_path: Path) -> None:
    with (
        sandbox("--orders", "60", "--latency", "0.1") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK, tmp_path) as programs,
    ):
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        victim = programs.start("processor")
        wait_until(lambda: purchases(apis).total() >= 5, LONG, "the first purchases", victim)
        victim.kill()
        programs.catch_up("processor")
        assert wrong(apis) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_come_and_go_under_every_group_protocol(kafka: str, prefix: str, tmp_path: Path, protocol: str) -> None:
    with (
        sandbox("--orders", "40", "--latency", "0.1") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK | PROTOCOLS[protocol], tmp_path) as programs,
    ):
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        first = programs.start("processor")
        wait_until(lambda: purchases(apis).total() >= 3, LONG, "the first purchases", first)
        second = programs.start("processor", "--until-caught-up")
        assert second.wait(LONG) == 0, programs.log(second)
        first.terminate()
        assert first.wait(LONG) == 0
        programs.catch_up("processor")
        assert wrong(apis) == []


def test_a_wrong_token_stops_the_programs_and_names_what_to_correct(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "10") as apis:
        environment = settings(apis, kafka, prefix) | {"BASELINKER_TOKEN": "1-2-WRONG"}
        with Programs(environment, tmp_path) as programs:
            for program in [programs.start(module, "--until-caught-up") for module in ("producer", "processor")]:
                assert program.wait(LONG) == 1
                assert "BASELINKER_TOKEN" in programs.log(program)
                assert "1-2-WRONG" not in programs.log(program)


def test_missing_settings_are_named_all_at_once(tmp_path: Path) -> None:
    environment = {name: value for name, value in settings({}, "", "").items() if name in {"PATH", "PYTHONPATH"}}
    with Programs(environment, tmp_path) as programs:
        process = programs.start("processor")
        assert process.wait(LONG) == 2
        for name in ("BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            assert name in programs.log(process)
