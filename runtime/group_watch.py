"""Does the group's coordinator answer? Kafka may answer all else while this one part of it is down, and stay so.

Seen with Kafka 4.1: after a full disk and a restart the broker could not load a partition of `__consumer_offsets`. It
said so in its own log, once; clients ask for a coordinator again and again, without a word, and nobody gets a
partition or commits. Asked without waiting for the answer, for /readyz and the log to tell.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from runtime.complaints import told_by
from runtime.health import Health
from runtime.logging import get_logger

ASK_EVERY_SECONDS, ASK_SECONDS, GIVEN_UP_SECONDS = 20.0, 10.0, 40.0
TOLD_AFTER_SECONDS = 45.0  # a broker that has just started loads its groups first

log = get_logger(__name__)


class GroupWatch:
    """`look` is called at every turn of a loop; it sets the check "group"."""

    def __init__(self, admin: AdminClient, group: str, health: Health, clock: Callable[[], float]) -> None:
        self._admin, self._group, self._health, self._clock = admin, group, health, clock
        self._asked_at = clock()
        self._answer: Future[Any] | None = None
        self._silent_since: float | None = None
        self._told = False

    def look(self) -> None:
        """Take an answer that has come, or ask again when it is time."""
        now = self._clock()
        if self._answer is not None:
            if self._answer.done():
                answer, self._answer = self._answer, None
                self._take(answer)
                return
            if now - self._asked_at < GIVEN_UP_SECONDS:
                return
            self._answer = None  # the client never answered this one
        if now - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = now
            wanted = [ConsumerGroupTopicPartitions(self._group)]
            self._answer = self._admin.list_consumer_group_offsets(wanted, request_timeout=ASK_SECONDS)[self._group]

    def _take(self, answer: "Future[Any]") -> None:
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # the consumer tells of that one
                self._fail(error)
                return
        if self._told:
            log.info("the group's coordinator answers again", group=self._group)
        self._silent_since, self._told = None, False
        self._health.set_ready("group", True)

    def _fail(self, error: KafkaException) -> None:
        now = self._clock()
        if self._silent_since is None:
            self._silent_since = self._asked_at
        if now - self._silent_since < TOLD_AFTER_SECONDS:
            return
        why = (
            f"Kafka's coordinator of the group {self._group} does not answer: look for 'Failed to load metadata' in the"
            " broker's log, and restart the broker"
        )
        self._health.set_ready("group", False, why)
        if not self._told:
            log.error(why, error=told_by(error))
        self._told = True
