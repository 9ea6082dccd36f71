"""After a broker's restart the ends of logs are found again: the client alone would keep using an old leader epoch."""

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from runtime.log_ends import ask_ends, end_told, find_ends
from tests.faults.broker import own_broker
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
                end_told(admin, "followed", ask_ends(admin, "followed", [0], 5.0)[0], 10.0)
            except KafkaException:
                return False
            return True

        wait_until(lambda: known("asked", 0, 1), LONG, "the ends are found")
        wait_until(lambda: known("followed", 0), LONG, "the ends are found")
        broker.kill()
        broker.start()
        wait_until(lambda: known("asked", 0, 1), LONG, "the ends are found again")
        wait_until(followed, LONG, "the end is found again: each answer repairs the next")
