"""Sandbox, Kafka, producer and processors as processes of their own; judged by what arrived."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.remote import fetch_state
from tests.harness.judge import CHOICE, wrong
from tests.harness.programs import ROOT, run, settings
from tests.harness.stand_ins import sandbox

__all__ = ["CHOICE", "run", "sandbox", "settings", "wrong"]


@pytest.mark.parametrize(("cursor", "types"), [("inclusive", "new"), ("exclusive", "old")])
def test_every_order_arrives_as_the_rules_say(kafka: str, prefix: str, tmp_path: Path, cursor: str, types: str) -> None:
    with sandbox("--orders", "120", "--cursor", cursor, "--types", types) as apis:
        environment = settings(apis, kafka, prefix)
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        processors = [
            run("processor", environment, tmp_path / f"processor{number}.log", "--until-caught-up") for number in (1, 2)
        ]
        assert [processor.wait(100) for processor in processors] == [0, 0]
        assert wrong(apis) == []


def test_a_second_run_sends_nothing_again(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "40") as apis:
        environment = settings(apis, kafka, prefix)
        for program in ("producer", "processor"):
            assert run(program, environment, tmp_path / f"{program}.log", "--until-caught-up").wait(60) == 0
        before = fetch_state(apis["SALESMANAGO_API_URL"])["writes"]
        for program in ("producer", "processor"):
            assert run(program, environment, tmp_path / f"{program}2.log", "--until-caught-up").wait(60) == 0
        assert fetch_state(apis["SALESMANAGO_API_URL"])["writes"] == before


def test_a_killed_processor_costs_no_order_and_doubles_none(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "120", "--latency", "0.1") as apis:
        environment = settings(apis, kafka, prefix) | {"SETTLE_SECONDS": "3", "CREATE_TIMEOUT_SECONDS": "2"}
        environment |= {"SESSION_TIMEOUT_MS": "7000", "DELIVERY_THREADS": "4"}
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        victim = run("processor", environment, tmp_path / "victim.log")
        while len(fetch_state(apis["SALESMANAGO_API_URL"])["events"]) < 10:
            assert victim.poll() is None, (tmp_path / "victim.log").read_text()
        victim.kill()
        assert run("processor", environment, tmp_path / "heir.log", "--until-caught-up").wait(100) == 0
        assert wrong(apis) == []


@pytest.mark.parametrize(
    "protocol",
    [{}, {"KAFKA_GROUP_PROTOCOL": "consumer"}, {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"}],
    ids=["cooperative-sticky", "KIP-848", "range"],
)
def test_members_come_and_go_under_every_group_protocol(
    kafka: str, prefix: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    with sandbox("--orders", "60", "--latency", "0.1") as apis:
        environment = settings(apis, kafka, prefix) | protocol | {"DELIVERY_THREADS": "4"}
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        first = run("processor", environment, tmp_path / "first.log")
        while len(fetch_state(apis["SALESMANAGO_API_URL"])["events"]) < 5:
            assert first.poll() is None, (tmp_path / "first.log").read_text()
        second = run("processor", environment, tmp_path / "second.log", "--until-caught-up")
        assert second.wait(90) == 0, (tmp_path / "second.log").read_text()
        first.terminate()
        assert first.wait(40) == 0
        assert run("processor", environment, tmp_path / "last.log", "--until-caught-up").wait(60) == 0
        assert wrong(apis) == []


def test_a_replay_updates_what_is_there_and_creates_nothing_twice(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        for program in ("producer", "processor"):
            assert run(program, environment, tmp_path / f"{program}.log", "--until-caught-up").wait(60) == 0
        replay = [sys.executable, "-m", "operations.cli", "replay", "--from-offset", "0", "--json"]
        told = subprocess.run(replay, env=environment, capture_output=True, text=True, check=True)
        assert json.loads(told.stdout)["executed"] is False
        subprocess.run([*replay, "--execute"], env=environment, capture_output=True, text=True, check=True)
        assert run("processor", environment, tmp_path / "again.log", "--until-caught-up").wait(60) == 0
        assert wrong(apis) == []
        writes = fetch_state(apis["SALESMANAGO_API_URL"])["writes"]
        created = [write["external_id"] for write in writes if write["kind"] == "event"]
        assert sorted(write["external_id"] for write in writes if write["kind"] == "update") == sorted(created)


def test_a_wrong_token_stops_the_programs_and_names_what_to_mend(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "10") as apis:
        environment = settings(apis, kafka, prefix) | {"BASELINKER_TOKEN": "1-2-WRONG"}
        for program in ("producer", "processor"):
            log = tmp_path / f"{program}.log"
            assert run(program, environment, log, "--until-caught-up").wait(60) == 1
            assert "BASELINKER_TOKEN" in log.read_text()
            assert "1-2-WRONG" not in log.read_text()


def test_missing_settings_are_named_all_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "processor"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    for name in ("BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        assert name in ended.stderr


def test_a_replay_never_moves_the_group_over_what_is_not_done_yet(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        replay = [sys.executable, "-m", "operations.cli", "replay", "--from-time"]
        now = datetime.now(UTC).isoformat()
        subprocess.run([*replay, now, "--execute"], env=environment, capture_output=True, text=True, check=True)
        assert run("processor", environment, tmp_path / "processor.log", "--until-caught-up").wait(60) == 0
        assert wrong(apis) == []
