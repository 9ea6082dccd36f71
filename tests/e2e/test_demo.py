"""`bl2sm demo`, `kafka` and `sandbox` as a newcomer runs them: as processes, with what they print."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.ports import quiet_port
from tests.harness.programs import settings

CLI = [sys.executable, "-m", "operations.cli"]


def test_the_demo_says_that_all_is_fine_also_behind_a_proxy(kafka: str) -> None:
    environment = settings({}, kafka, "") | {"http_proxy": "http://127.0.0.1:9"}
    ran = bl2sm(environment, "demo", "--orders", "30", "--json")
    assert ran.code == 0, ran.err
    assert ran.data["fine"] is True
    assert ran.data["wrong"] == []
    assert sum(ran.data["outcomes"].values()) == 30
    assert ran.data["updated"] >= 1
    assert ran.data["requests"]["SALESmanago"]["contact/updateContactExtEvent"] >= 1
    assert "none lost, none doubled" in ran.err


def test_a_demo_whose_sandbox_ends_says_so_in_a_sentence(kafka: str) -> None:
    demo = [*CLI, "demo", "--orders", "300"]
    with subprocess.Popen(
        demo, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings({}, kafka, "")
    ) as running:
        assert running.stdout is not None
        assert any("orders done" in line for line in running.stdout)  # up to the first such line
        found = children(running.pid)
        (sandbox,) = [pid for pid in found if b"\0sandbox\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(sandbox, signal.SIGKILL)
        said = running.stdout.read()
        assert running.wait(120) == 1
    assert "the sandbox ended in the middle" in said
    assert "Traceback" not in said


def test_the_sandbox_prints_the_settings_that_point_at_it() -> None:
    ports = [str(quiet_port()) for _ in range(2)]
    command = [
        *CLI,
        "sandbox",
        "--orders",
        "5",
        "--json",
        "--baselinker-port",
        ports[0],
        "--salesmanago-port",
        ports[1],
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert f":{ports[0]}/" in told["BASELINKER_API_URL"]
        assert len(fetch_state(told["BASELINKER_API_URL"])["orders"]) == 5
        running.send_signal(signal.SIGINT)
        assert running.wait(30) in {0, 130}


@contextmanager
def local_kafka(folder: Path, port: int, **more: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`bl2sm kafka`, and the address that it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
    given = {name: value for name, value in settings({}, "", "").items() if name != "KAFKA_BOOTSTRAP_SERVERS"} | more
    command = [*CLI, "kafka", "--port", str(port), "--folder", str(folder), "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=given) as running:
        assert running.stdout is not None
        yield running, json.loads(running.stdout.readline())["KAFKA_BOOTSTRAP_SERVERS"]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_local_kafka_prints_its_address_and_ends_with_a_signal(tmp_path: Path, kafka: str) -> None:
    port = quiet_port()
    with local_kafka(tmp_path / "kafka", port) as (running, address):
        assert isinstance(AdminClient({"bootstrap.servers": address}).list_topics(timeout=30).topics, dict)
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_a_local_kafka_whose_broker_dies_ends_and_says_so(tmp_path: Path, kafka: str) -> None:
    with local_kafka(tmp_path / "kafka", quiet_port(), DOCKER_HOST="unix:///nonexistent") as (running, address):
        (guard,) = children(running.pid)
        (broker,) = children(guard)
        os.kill(broker, signal.SIGKILL)
        assert running.wait(60) == 1
        assert running.stderr is not None
        said = running.stderr.read()
    assert f"nothing listens at {address} any more: Kafka has ended" in said
    assert "Traceback" not in said
