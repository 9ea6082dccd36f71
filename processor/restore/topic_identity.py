"""Are the topics still those that were joined? Asked every few seconds, without waiting for the answer.

A journal recreated has other offsets; one that was given more partitions sends orders away from their rows; without
the ledger's topic nothing can be recorded.
"""

from collections.abc import Callable, Set
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from processor.errors import TopicReplaced
from runtime.topic_identity import ask_identities, check_partitions, resolve_identity
from schemas.topics import Topics

ASK_EVERY_SECONDS = 5.0


class TopicWatch:
    """`look` is called at every turn of the loop."""

    def __init__(self, admin: AdminClient, topics: Topics, partitions: int, clock: Callable[[], float]) -> None:
        self._admin, self._topics, self._partitions, self._clock = admin, topics, partitions, clock
        self._asked_at = clock()
        self._answers: dict[str, Future[Any]] = {}
        self._identity: dict[str, str] = {}

    def look(self) -> None:
        """Raise PartitionsChanged or TopicReplaced once the broker says so; no answer says nothing."""
        now = self._clock()
        for topic in [topic for topic, answer in self._answers.items() if answer.done()]:
            self._judge(topic, self._answers.pop(topic))
        if not self._answers and now - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = now
            asked = [self._topics.journal, self._topics.deliveries, self._topics.dead_letters]
            self._answers = ask_identities(self._admin, asked)

    def expect(self, topic: str, identity: str) -> None:
        """Note the id of the topic that is worked on."""
        if self._identity.setdefault(topic, identity) != identity:
            raise TopicReplaced(f"the topic {topic} was recreated")

    def check(self, numbers: Set[int]) -> None:
        """Raise PartitionsChanged for a partition that the journal did not have."""
        count = max([self._partitions, *(number + 1 for number in numbers)])
        check_partitions(self._topics.journal, count, self._partitions)

    def _judge(self, topic: str, answer: Future[Any]) -> None:
        try:
            identity = resolve_identity(answer)
        except KafkaException:
            return
        if identity is None:
            raise TopicReplaced(f"the topic {topic} is gone")
        self.expect(topic, identity.topic_id)
        if topic == self._topics.journal:
            identity.check_partitions(self._partitions)
