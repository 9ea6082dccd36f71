"""Where logs end, once brokers were away: the client alone would stay with an old leader epoch, or with no leader."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from runtime.end_offsets import ask_ends, end_told, find_ends
from sandbox.kafka import broker as processes
from tests.faults.broker import Broker, own_broker
from tests.harness.ports import quiet_port
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_ends_are_found_after_a_broker_was_killed_and_came_back() -> None:
    with own_broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_topics([NewTopic("asked", 2), NewTopic("followed", 1)]).values():
            made.result(30)

        def known(topic: str, *numbers: int) -> bool:
            """Ask; a broker that has just started has no leaders yet."""
            try:
                return find_ends(admin, topic, list(numbers), 5.0) == dict.fromkeys(numbers, 0)
            except KafkaException:
                return False

        def followed() -> bool:
            """Ask as a loop does that does not wait."""
            try:
                end_told(admin, ask_ends(admin, "followed", [0], 5.0)[0], 10.0)
            except KafkaException:
                return False
            return True

        wait_until(lambda: known("asked", 0, 1), LONG, "the ends are found")
        wait_until(lambda: known("followed", 0), LONG, "the ends are found")
        broker.kill()
        broker.start()
        wait_until(lambda: known("asked", 0, 1), LONG, "the ends are found again")
        wait_until(followed, LONG, "the end is found again: each answer repairs the next")


def test_an_end_is_found_after_its_partition_had_no_leader_for_a_while() -> None:
    """The fact: "no leader" is remembered, and answered without asking any broker."""
    with own_broker() as first, _second_broker(first) as second:
        admin = AdminClient({"bootstrap.servers": first.bootstrap})
        for made in admin.create_topics([NewTopic("away", 1, replica_assignment=[[2]])]).values():
            made.result(30)
        wait_until(lambda: _error(admin, "away") is None, LONG, "the end is found")
        second.kill()
        wait_until(lambda: _error(admin, "away") == KafkaError._NOENT, 60, "the client knows of no leader")
        second.start()
        wait_until(lambda: _error(admin, "away") is None, LONG, "the end is found")


def test_a_leader_that_hangs_reports_no_end() -> None:
    """The fact: the client calls that a success, with a negative offset."""
    with own_broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_topics([NewTopic("asked", 1)]).values():
            made.result(30)
        wait_until(lambda: _error(admin, "asked") is None, LONG, "the end is found")
        broker.sleep()
        wait_until(lambda: _error(admin, "asked") is not None, 60, "the leader hangs")
        assert _error(admin, "asked") is not None
        broker.wake()
        wait_until(lambda: _error(admin, "asked") is None, LONG, "the end is found")


def _error(admin: AdminClient, topic: str) -> int | None:
    """The error in place of an end, which is 0."""
    try:
        assert find_ends(admin, topic, [0], 1.0) == {0: 0}
    except KafkaException as error:
        return int(error.args[0].code())
    return None


@contextmanager
def _second_broker(first: Broker) -> Iterator[Broker]:
    """A broker with id 2 in the cluster of another one."""
    settings, meta = first.place.home / "server.properties", first.data / "meta.properties"
    controller = re.findall(r"voters=1@127\.0\.0\.1:(\d+)", settings.read_text())[0]
    cluster = re.findall(r"cluster\.id=(\S+)", meta.read_text())[0]
    place = processes.Place(first.place.home / "second", quiet_port(), first.place.software)
    place.home.mkdir()
    shutil.copy(first.place.home / "log4j2.yaml", place.home)
    text = processes.PROPERTIES.format(port=place.port, controller=controller)
    for old, new in (
        ("broker,controller", "broker"),
        ("node.id=1", "node.id=2"),
        (f",CONTROLLER://127.0.0.1:{controller}", ""),
    ):
        text = text.replace(old, new)
    (place.home / "server.properties").write_text(text)
    format_it = place.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties")
    environment = processes.environment()
    subprocess.run(format_it, cwd=place.home, env=environment, capture_output=True, check=True, timeout=120)
    broker = Broker(place)
    try:
        broker.start()
        yield broker
    finally:
        broker.end()
