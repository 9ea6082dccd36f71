"""After a broker's restart logs' ends are told again at once: the client alone would go on with an old leader epoch."""

import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from runtime.log_ends import ask_ends, end_told, find_ends
from tests.faults.broker import own_broker


def test_ends_are_told_after_a_broker_was_killed_and_came_back() -> None:
    with own_broker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_topics([NewTopic("asked", 2), NewTopic("followed", 1)]).values():
            made.result(30)
        told = _patiently(admin, "asked", [0, 1])
        assert told == {0: 0, 1: 0}
        assert _patiently(admin, "followed", [0]) == {0: 0}
        broker.kill()
        broker.start()
        assert _patiently(admin, "asked", [0, 1]) == {0: 0, 1: 0}
        for _ in range(20):  # as a loop does that does not wait: each answer mends the next
            try:
                end_told(admin, "followed", ask_ends(admin, "followed", [0], 5.0)[0], 10.0)
                break
            except KafkaException:
                time.sleep(0.2)
        else:
            pytest.fail("the end was never told again")


def _patiently(admin: AdminClient, topic: str, numbers: list[int]) -> dict[int, int]:
    """Ask for up to ten seconds: a broker that has just started has no leaders yet."""
    until = time.monotonic() + 10
    while True:
        try:
            return find_ends(admin, topic, numbers, 5.0)
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
