"""Who is in a group, asked by a child: under both group protocols, the child killed, stopped, or Kafka away."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime import group_child
from runtime.group_members import GroupMembers
from runtime.kafka import admin_config, consumer_config
from runtime.offsets import GroupOffsets
from runtime.settings import Settings, load_settings
from schemas.topics import Topics, ensure_topics


def made(kafka: str, prefix: str, **given: str) -> Settings:
    return load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix, **given}, None, need="kafka")


@pytest.fixture(params=["classic", "consumer"])
def settings(kafka: str, prefix: str, request: pytest.FixtureRequest) -> Settings:
    found = made(kafka, prefix, KAFKA_GROUP_PROTOCOL=request.param)
    ensure_topics(AdminClient(admin_config(found)), Topics(prefix), 2)
    return found


@pytest.fixture
def asking(settings: Settings) -> Iterator[GroupMembers]:
    members = GroupMembers(settings)
    yield members
    members.close()


def join(settings: Settings) -> Consumer:
    consumer = Consumer(consumer_config(settings, settings.group_id))
    consumer.subscribe([Topics(settings.topic_prefix).journal])
    until = time.monotonic() + 60
    while not consumer.assignment():
        assert time.monotonic() < until
        consumer.poll(0.1)
    return consumer


def children() -> list[int]:
    told = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in told if b"runtime.group_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_members_and_their_partitions_are_told_and_a_killed_child_is_replaced(
    settings: Settings, asking: GroupMembers
) -> None:
    assert asking.ask(settings.group_id, 10) == []
    consumer = join(settings)
    (member,) = asking.ask(settings.group_id, 10)
    assert (member.client_id, member.partitions) == ("bl2sm", (0, 1))
    assert ip_address(member.host)  # a broker in a container sees its network's gateway
    (child,) = children()
    os.kill(child, signal.SIGABRT)
    assert asking.ask(settings.group_id, 10) == [member]
    assert len(children()) == 1
    consumer.close()
    assert asking.ask(settings.group_id, 10) == []
    asking.close()
    assert children() == []


def test_offsets_are_moved_while_nobody_is_a_member_and_never_beside_one(settings: Settings) -> None:
    offsets, journal = GroupOffsets(settings, settings.group_id), Topics(settings.topic_prefix).journal
    try:
        offsets.move([TopicPartition(journal, 0, 0, "first")])  # a group that is not there yet
        consumer = join(settings)
        with pytest.raises(KafkaException):
            offsets.move([TopicPartition(journal, 0, 1, "beside a member")])
        consumer.close()
        offsets.move([TopicPartition(journal, 0, 2, "after it left")])
        found = offsets.read([TopicPartition(journal, 0), TopicPartition(journal, 1)], 10)
    finally:
        offsets.close()
    assert [(part.offset, part.metadata or "") for part in found] == [(2, "after it left"), (-1001, "")]


def test_kafka_away_is_an_error_and_so_is_a_child_that_never_answers(
    kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = GroupMembers(made("127.0.0.1:1", prefix))
    with pytest.raises(KafkaException):
        away.ask("some-group", 1)
    away.close()

    monkeypatch.setattr("runtime.group_members.LONGER_SECONDS", 1.0)
    asking = GroupMembers(made(kafka, prefix))
    child = asking._child = asking._start()
    os.kill(child.pid, signal.SIGSTOP)
    monkeypatch.setattr(asking, "_start", lambda: subprocess.Popen(["sleep", "60"], stdin=-1, stdout=-1))
    with pytest.raises(KafkaException, match="could not be asked"):
        asking.ask("some-group", 0.5)
    assert child.poll() is not None
    asking.close()


def test_the_password_is_not_on_the_childs_command_line(kafka: str, prefix: str) -> None:
    asking = GroupMembers(made(kafka, prefix, KAFKA_SASL_PASSWORD="hunter2", KAFKA_SASL_USERNAME="shop"))
    asking.ask("some-group", 10)
    (child,) = children()
    told = Path(f"/proc/{child}/cmdline").read_bytes() + Path(f"/proc/{child}/environ").read_bytes()
    asking.close()
    assert b"hunter2" not in told


def test_a_group_that_is_moving_to_its_coordinator_is_asked_for_again() -> None:
    answers: list[Future[Any]] = [Future() for _ in range(3)]
    answers[0].set_exception(KafkaException(KafkaError(KafkaError.NOT_COORDINATOR)))
    answers[1].set_exception(KafkaException(KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)))
    answers[2].set_result(SimpleNamespace(members=[]))
    admin: Any = SimpleNamespace(describe_consumer_groups=lambda names, request_timeout: {names[0]: answers.pop(0)})
    assert group_child._answer(admin, "g", 10.0) == {"members": []}


def test_a_group_that_keeps_moving_is_an_error_once_the_time_is_over() -> None:
    moving: Future[Any] = Future()
    moving.set_exception(KafkaException(KafkaError(KafkaError.NOT_COORDINATOR)))
    admin: Any = SimpleNamespace(describe_consumer_groups=lambda names, request_timeout: {names[0]: moving})
    assert group_child._answer(admin, "g", 0.5)["code"] == KafkaError.NOT_COORDINATOR
