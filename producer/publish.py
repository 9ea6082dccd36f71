"""Entries and cursor in one Kafka transaction: both or none."""

from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from runtime.logging import get_logger
from schemas.codec import Codec
from schemas.records import Cursor, JournalEntry
from schemas.topics import Topics, order_key

TRANSACTION_SECONDS = 9.0

log = get_logger(__name__)


class NotPublished(Exception):
    """The transaction was aborted: nothing of it counts; publish it again."""


class Fenced(Exception):
    """Another producer leads, or this one can't go on: give up the lead."""


class Publisher:
    """Made on becoming leader: its init fences the predecessor and ends its open transaction."""

    def __init__(self, producer: Producer, codec: Codec, topics: Topics) -> None:
        self._producer, self._codec, self._topics = producer, codec, topics
        try:
            self._producer.init_transactions(30.0)
        except KafkaException as error:
            raise Fenced(str(error.args[0])) from error

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        """Write entries in the given order, and the cursor after them."""
        try:
            self._producer.begin_transaction()
            for entry in entries:
                self._produce(self._topics.journal, order_key(entry.order_id), self._codec.encode(entry))
            self._produce(self._topics.cursor, b"journal", self._codec.encode(cursor))
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            self._abort(error)

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, key=key, value=value)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _abort(self, error: KafkaException) -> None:
        cause = error.args[0]
        if cause.fatal():
            raise Fenced(str(cause)) from error
        try:
            self._producer.abort_transaction(TRANSACTION_SECONDS)
        except KafkaException as failed:
            raise Fenced(f"abort failed: {failed.args[0]}") from failed
        raise NotPublished(str(cause)) from error
