"""Is the journal topic still the one that was joined? Asked every few seconds, without waiting for the answer.

A topic made anew has other offsets; one that was given more partitions sends orders away from their rows.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from processor.partition_count import PartitionsChanged, moved_away

ASK_EVERY_SECONDS = 5.0


class JournalReplaced(Exception):
    """The journal topic was deleted or made anew: join again, from its start."""


class JournalWatch:
    """`look` is called at every turn of the loop."""

    def __init__(self, admin: AdminClient, topic: str, partitions: int, clock: Callable[[], float]) -> None:
        self._admin, self._topic, self._partitions, self._clock = admin, topic, partitions, clock
        self._asked_at = clock()
        self._answer: Future[Any] | None = None
        self._identity: str | None = None

    def look(self) -> None:
        """Raise PartitionsChanged or JournalReplaced once the broker says so; a broker that is away says nothing."""
        now = self._clock()
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            self._judge(answer)
        if self._answer is None and now - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = now
            asked = TopicCollection([self._topic])
            self._answer = self._admin.describe_topics(asked, request_timeout=5.0)[self._topic]

    def expect(self, identity: str) -> None:
        """Note the id of the topic whose offsets are worked on."""
        if self._identity is not None and identity != self._identity:
            raise JournalReplaced(f"the topic {self._topic} was made anew")
        self._identity = identity

    def check(self, numbers: set[int]) -> None:
        """Raise PartitionsChanged for a partition that the topic did not have."""
        if any(number >= self._partitions for number in numbers):
            raise PartitionsChanged(moved_away(self._topic, max(numbers) + 1, self._partitions))

    def _judge(self, answer: Future[Any]) -> None:
        try:
            described = answer.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise JournalReplaced(f"the topic {self._topic} is gone") from None
            return
        identity, count = str(described.topic_id), len(described.partitions)
        self.expect(identity)
        if count != self._partitions:
            raise PartitionsChanged(moved_away(self._topic, count, self._partitions))
