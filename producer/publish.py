"""Entries and cursor in one Kafka transaction: both or none."""

from collections.abc import Sequence
from typing import NoReturn

from confluent_kafka import KafkaException, Producer

from runtime.client_errors import told_by
from schemas.codec import Codec
from schemas.partitioner import partition_of
from schemas.records import Cursor, JournalEntry
from schemas.topics import Topics, order_key

TRANSACTION_SECONDS = 9.0
CURSOR_KEY = b"journal"


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
        """Write entries in the given order, and the cursor after them; partitions as the cursor counts them.

        NotPublished = nothing of it counts. Fenced = it is not known whether it counts: read the cursor again.
        """
        # all is encoded first: what fails there leaves no transaction open
        rows = [(order_key(entry.order_id), self._codec.encode(entry)) for entry in entries]
        last = self._codec.encode(cursor)
        try:
            self._producer.begin_transaction()
            for key, value in rows:
                self._produce(self._topics.journal, partition_of(key, cursor.journal_partitions), key, value)
            self._produce(self._topics.cursor, 0, CURSOR_KEY, last)
        except KafkaException as error:
            self._abort(error)
        try:
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():  # for instance timed out: it may be committed, or not
                raise Fenced(f"commit without an answer: {error.args[0]}") from error
            self._abort(error)

    def _produce(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, partition=partition, key=key, value=value)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _abort(self, error: KafkaException) -> NoReturn:
        cause = error.args[0]
        if cause.fatal():
            raise Fenced(told_by(error)) from error
        try:
            self._producer.abort_transaction(TRANSACTION_SECONDS)
        except KafkaException as failed:
            raise Fenced(f"abort failed: {told_by(failed)}") from failed
        raise NotPublished(told_by(error)) from error
