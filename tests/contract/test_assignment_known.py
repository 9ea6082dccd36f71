"""A member that gets no partition learns that, too: assigned by members, eagerly or cooperatively, or by the broker."""

import time

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from runtime.assignment_known import AssignmentKnown
from runtime.kafka import admin_config, assign_paused, consumer_config, cooperative, unassign
from runtime.settings import load_settings
from schemas.topics import Topics, ensure_topics

PROTOCOLS = [
    {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"},
    {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "cooperative-sticky"},
    {"KAFKA_GROUP_PROTOCOL": "consumer"},
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=["eager", "cooperative", "consumer"])
def test_two_members_of_one_partition_both_learn_what_the_group_assigned(
    kafka: str, prefix: str, protocol: dict[str, str]
) -> None:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix} | protocol, None, need="kafka")
    ensure_topics(AdminClient(admin_config(settings)), Topics(prefix), 1)
    words = [AssignmentKnown(settings) for _ in range(2)]
    members = []
    for word in words:
        consumer = Consumer(consumer_config(settings, settings.group_id, **word.config()))

        def assigned(of: Consumer, parts: list, word: AssignmentKnown = word) -> None:  # type: ignore[type-arg]
            assign_paused(of, parts, cooperative(settings))
            word.assigned()

        consumer.subscribe(
            [Topics(prefix).journal],
            on_assign=assigned,
            on_revoke=lambda of, parts: unassign(of, parts, cooperative(settings)),
        )
        members.append(consumer)
    assert not any(word.known for word in words)
    until = time.monotonic() + 60
    counts: list[int] = []
    while not all(word.known for word in words) or counts != [0, 1]:  # the group may rebalance in between
        assert time.monotonic() < until, counts
        for consumer in members:
            consumer.poll(0.1)
        counts = sorted(len(consumer.assignment()) for consumer in members)
    words[0].lost()
    assert not words[0].known
    for consumer in members:
        consumer.close()
