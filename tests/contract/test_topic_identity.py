"""A topic that was deleted and created again is another one, and its partitions are counted."""

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewPartitions, NewTopic  # type: ignore[attr-defined]

from runtime.topic_identity import PartitionsChanged, check_partitions, find_identities, topic_id
from schemas.topics import TopicProblem
from tests.contract.place import Place
from tests.harness.waiting import LONG, wait_until


def test_a_topic_that_was_created_again_has_another_id(place: Place) -> None:
    topic = f"{place.prefix}.again"
    place.admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    wait_until(lambda: topic in find_identities(place.admin, [topic]), LONG, "it is there")
    before = topic_id(place.admin, topic)
    assert topic_id(place.admin, topic) == before != ""
    place.admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: find_identities(place.admin, [topic]) == {}, LONG, "it is gone, and asking does not create it")
    with pytest.raises(KafkaException):
        topic_id(place.admin, topic)
    place.admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    wait_until(lambda: topic in find_identities(place.admin, [topic]), LONG, "it is there again")
    assert topic_id(place.admin, topic) != before


def test_partitions_that_were_added_are_seen(place: Place) -> None:
    topic = place.topics.journal
    before = find_identities(place.admin, [topic])[topic]
    place.admin.create_partitions([NewPartitions(topic, before.partitions + 3)])[topic].result(30)

    def count() -> int:
        return find_identities(place.admin, [topic])[topic].partitions

    wait_until(lambda: count() == before.partitions + 3, LONG, "they are seen")
    assert find_identities(place.admin, [topic])[topic].topic_id == before.topic_id


def test_another_count_is_a_problem_of_the_topic_with_a_way_out() -> None:
    check_partitions("journal", 6, 6)
    with pytest.raises(PartitionsChanged, match=r"has 8 partitions and had 6: .* TOPIC_PREFIX") as caught:
        check_partitions("journal", 8, 6)
    assert isinstance(caught.value, TopicProblem)
