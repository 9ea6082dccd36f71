"""Topics are compared with those that were joined, without waiting for the broker."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor.errors import TopicReplaced
from processor.restore.topic_identity import ASK_EVERY_SECONDS, TopicWatch
from runtime.topic_identity import PartitionsChanged
from schemas.topics import Topics

TOPICS = Topics("t")
ALL = (TOPICS.journal, TOPICS.deliveries, TOPICS.dead_letters)


class Place:
    """A watch on a simulated clock; `answers` = id and partition count, or the error, of each topic."""

    def __init__(self) -> None:
        self.now = 100.0
        self.answers: dict[str, tuple[str, int] | int] = {topic: (topic, 6) for topic in ALL}
        self.mute, self.questions = False, 0
        admin: Any = SimpleNamespace(describe_topics=self._describe)
        self.watch = TopicWatch(admin, TOPICS, 6, lambda: self.now)

    def looks(self, seconds: float = ASK_EVERY_SECONDS) -> None:
        """Ask, and take in what was answered."""
        self.now += seconds
        self.watch.look()
        self.watch.look()

    def _describe(self, *_: Any, **__: Any) -> "dict[str, Future[Any]]":
        self.questions += 1
        found: dict[str, Future[Any]] = {topic: Future() for topic in self.answers}
        for topic, answer in self.answers.items():
            if self.mute:
                continue
            if isinstance(answer, int):
                found[topic].set_exception(KafkaException(KafkaError(answer)))
            else:
                found[topic].set_result(SimpleNamespace(name=topic, topic_id=answer[0], partitions=[None] * answer[1]))
        return found


def test_topics_that_stay_as_they_were_are_asked_about_now_and_then() -> None:
    place = Place()
    for _ in range(4):
        place.looks(ASK_EVERY_SECONDS / 2)
    assert place.questions == 2


@pytest.mark.parametrize("topic", ALL)
def test_a_topic_that_was_recreated_or_deleted_ends_the_membership(topic: str) -> None:
    for change in (("another", 6), KafkaError.UNKNOWN_TOPIC_OR_PART):
        place = Place()
        place.looks()
        place.answers[topic] = change
        with pytest.raises(TopicReplaced, match=topic):
            place.looks()


def test_more_partitions_than_at_the_start_need_a_person() -> None:
    place = Place()
    place.answers[TOPICS.journal] = (TOPICS.journal, 12)
    with pytest.raises(PartitionsChanged, match="12 partitions and had 6"):
        place.looks()


def test_a_broker_that_does_not_answer_says_nothing_and_is_asked_no_second_time_meanwhile() -> None:
    place = Place()
    place.mute = True
    for _ in range(3):
        place.looks()
    assert place.questions == 1
    place = Place()
    place.answers[TOPICS.journal] = KafkaError._TIMED_OUT
    for _ in range(3):
        place.looks()
    assert place.questions == 3


def test_a_partition_beyond_the_journals_count_needs_a_person() -> None:
    watch = Place().watch
    watch.check({0, 5})
    with pytest.raises(PartitionsChanged, match="7 partitions and had 6"):
        watch.check({6})


def test_another_id_than_the_one_that_was_expected_is_another_topic() -> None:
    watch = Place().watch
    watch.expect(TOPICS.journal, "A")
    watch.expect(TOPICS.journal, "A")
    with pytest.raises(TopicReplaced):
        watch.expect(TOPICS.journal, "B")
