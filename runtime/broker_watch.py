"""Does Kafka answer? Asked every few seconds without waiting for the answer, for readiness.

A topic's end is asked for. A cluster's description would need no topic, but librdkafka up to 2.16 aborts the process
when a broker that has just come back describes a cluster without brokers (rd_kafka_DescribeClusterResponse_parse takes
that for an answer without error). Nor is a group's coordinator asked: such a request that times out while the broker
is unreachable was seen to abort the process, too (rd_kafka_enq_once_del_source_return).
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from runtime.client_errors import describe
from runtime.end_offsets import STALE, ask_ends, resolve_end
from runtime.health import Health
from runtime.logging import get_logger

ASK_EVERY_SECONDS, GIVEN_UP_SECONDS = 5.0, 20.0
ANSWERS = STALE | {KafkaError.UNKNOWN_TOPIC_OR_PART}  # Kafka did answer

log = get_logger(__name__)


class BrokerWatch:
    """`look` is called at every turn of a loop; it sets the check "broker", and serves the client's error callback."""

    def __init__(self, admin: AdminClient, topic: str, health: Health, clock: Callable[[], float]) -> None:
        self._admin, self._health, self._clock = admin, health, clock
        self._topic = topic
        self._asked_at = clock()
        self._answer: Future[Any] | None = None
        self._unreachable = False

    def look(self) -> None:
        """Take an answer that has come, or ask again when it is time."""
        if self._answer is not None:
            if self._answer.done():
                self._take(self._answer)
                self._answer = None
                return
            if self._clock() - self._asked_at < GIVEN_UP_SECONDS:
                return
            self._answer = None  # the client never answered this one
        now = self._clock()
        if now - self._asked_at >= ASK_EVERY_SECONDS:
            self._asked_at = now
            self._admin.poll(0)
            self._answer = ask_ends(self._admin, self._topic, [0], ASK_EVERY_SECONDS)[0]

    def _take(self, answer: "Future[Any]") -> None:
        try:
            resolve_end(self._admin, answer)
        except KafkaException as error:
            if error.args[0].code() in ANSWERS:
                self._reachable()
                return
            self._health.set_ready("broker", False, "Kafka does not answer")
            if not self._unreachable:
                log.warning("Kafka does not answer; waiting for it", error=describe(error))
            self._unreachable = True
            return
        self._reachable()

    def _reachable(self) -> None:
        self._health.set_ready("broker", True)
        if self._unreachable:
            log.info("Kafka answers again")
        self._unreachable = False
