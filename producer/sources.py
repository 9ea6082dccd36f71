"""What a term reads: BaseLinker's lists, and of Kafka the cursor, the topics and the processors' gaps.

All of it is asked for while the group membership is kept: Stopped and LeadLost at any time.
"""

import math
import time
from datetime import datetime
from typing import Protocol

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from clients import BaseLinker, JournalLog, Order
from producer.leader import Leader
from producer.sweep.gaps import reported_gaps
from runtime.client_errors import describe
from runtime.cursor import read_cursor
from runtime.end_offsets import find_ends
from runtime.kafka import consumer_config
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.topic_identity import TopicIdentity, find_identities
from schemas.codec import Codec
from schemas.progress import Gap
from schemas.records import Cursor
from schemas.topics import TopicProblem, Topics, ensure_topics

SECONDS, CREATE_SECONDS = 5.0, 60.0
LOG_TYPES = (1, 2, 11, 16)

log = get_logger(__name__)


class Sources(Protocol):
    """ApiError as BaseLinker fails, KafkaException as Kafka does."""

    def journal(self, log_id: int) -> list[JournalLog]:
        """Return a page of BaseLinker's journal from a log id on."""

    def orders(self, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        """Return at most 100 confirmed orders from a time on, and from an id on."""

    def gaps(self, partitions: int) -> list[Gap]:
        """Return the gaps that the processors have reported; [] where Kafka can't say."""

    def journal_topic(self, partitions: int) -> TopicIdentity:
        """Return the journal topic's identity; with so many partitions it is created where it is missing."""

    def journal_has_entries(self, partitions: int) -> bool:
        """Return whether anything was ever published to the journal topic."""


class RemoteSources:
    """The real ones."""

    def __init__(
        self, settings: Settings, leader: Leader, api: BaseLinker, admin: AdminClient, topics: Topics, codec: Codec
    ) -> None:
        self._settings, self._leader, self._api = settings, leader, api
        self._admin, self._topics, self._codec = admin, topics, codec

    def journal(self, log_id: int) -> list[JournalLog]:
        """Return a page of BaseLinker's journal from a log id on; ApiError."""
        return self._leader.ask(lambda: self._api.journal(log_id, LOG_TYPES))

    def orders(self, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        """Return at most 100 confirmed orders from a time on, and from an id on; ApiError."""
        return self._leader.ask(lambda: self._api.orders(confirmed_from=confirmed_from, id_from=id_from))

    def gaps(self, partitions: int) -> list[Gap]:
        """Return the gaps that the processors have reported; [] where Kafka can't say."""
        try:
            return self._leader.ask(lambda: reported_gaps(self._settings, self._topics.journal, partitions))
        except KafkaException as error:
            log.warning("the processors' offsets can't be read; asking again in a minute", error=describe(error))
            return []

    def journal_topic(self, partitions: int) -> TopicIdentity:
        """Return the journal topic's identity; missing topics are created. KafkaException, TopicProblem."""
        return self._leader.ask(lambda: self._journal_topic(partitions))

    def journal_has_entries(self, partitions: int) -> bool:
        """Return whether anything was ever published to the journal topic; KafkaException."""
        topic = self._topics.journal
        return sum(self._leader.ask(lambda: find_ends(self._admin, topic, range(partitions), SECONDS)).values()) > 0

    def cursor(self) -> Cursor | None:
        """Return the newest cursor row; KafkaException, RegistryUnavailable, TopicProblem."""
        consumer = Consumer(consumer_config(self._settings, group_of(self._settings)))
        try:
            return read_cursor(consumer, self._admin, self._topics, self._codec, self._leader.turn, math.inf)
        finally:
            consumer.close()

    def _journal_topic(self, partitions: int) -> TopicIdentity:
        until = time.monotonic() + CREATE_SECONDS
        while True:
            found = find_identities(self._admin, self._topics.all)
            missing = [name for name in self._topics.all if name not in found]
            if not missing:
                return found[self._topics.journal]
            if time.monotonic() > until:
                raise TopicProblem("the topics were created but the broker does not show them; try again")
            log.warning("topics are missing: creating them", topics=missing)
            ensure_topics(self._admin, self._topics, partitions, seconds=SECONDS)


def group_of(settings: Settings) -> str:
    """Return the producers' group, which is also their transactional id."""
    return f"{settings.topic_prefix}-producer"
