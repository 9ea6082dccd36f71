"""Messages, and a consumer group's offsets, in one Kafka transaction: all of it or none."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from confluent_kafka import KafkaException, Producer, TopicPartition

from runtime.client_errors import describe

TRANSACTION_SECONDS, OPEN_SECONDS = 9.0, 30.0
LATE_SECONDS = 2.0


class NotCommitted(Exception):
    """The transaction was aborted: nothing of it counts, and the same writer may try again."""


class Fenced(Exception):
    """This writer can't continue: another one has its id, or the client failed. It must be opened again."""


class Unanswered(Fenced):
    """This writer can't continue, and whether its transaction counts is not known: the commit had no answer."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to write; the partition is the writer's to choose."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class TransactionalWriter:
    """Owns one transactional producer; used by one thread. `seconds` bounds each step of a transaction."""

    _producer: Producer

    def __init__(self, make_producer: Callable[[], Producer], seconds: float = TRANSACTION_SECONDS) -> None:
        self._make_producer, self._seconds = make_producer, seconds

    def open(self, seconds: float = OPEN_SECONDS) -> None:
        """Make the producer; an earlier one with the same transactional id is fenced. KafkaException."""
        self._producer = self._make_producer()
        self._producer.init_transactions(seconds)

    def write(
        self, messages: Iterable[OutgoingMessage], offsets: Sequence[TopicPartition] = (), metadata: Any = None
    ) -> None:
        """Write all of it in one transaction; NotCommitted, Fenced, Unanswered.

        1. begin; 2. the messages, in their order; 3. the offsets, with the metadata of the group's member; 4. commit.
        """
        with self.transaction():
            for message in messages:
                self.produce(message)
            if offsets:
                self.send_offsets(offsets, metadata)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin, and commit what the block wrote; NotCommitted, Fenced, Unanswered.

        Whatever the block raises aborts it. An open transaction would hide what others write behind it.
        """
        try:
            self._producer.begin_transaction()
            yield
        except KafkaException as error:
            self._abort(error)
        except Fenced:
            raise
        except BaseException:
            with suppress(KafkaException):
                self._producer.abort_transaction(self._seconds)
            raise
        try:
            self._producer.commit_transaction(self._seconds)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort() and not error.args[0].fatal():  # for instance timed out
                raise Unanswered(describe(error)) from error
            self._abort(error)

    def produce(self, message: OutgoingMessage) -> None:
        """Add a message to the transaction; waits while the client's queue is full."""
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    partition=message.partition,
                    key=message.key,
                    value=message.value,
                    headers=list(message.headers),
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> bool:
        """Return whether the brokers have all messages of the transaction."""
        return self._producer.flush(self._seconds) == 0

    def send_offsets(self, offsets: Sequence[TopicPartition], metadata: Any) -> None:
        """Add a group's offsets to the transaction; the broker rejects those of a member that was replaced.

        On a thread of its own, for the call may never return (librdkafka issue 5456): then Fenced. What is left behind
        of a producer given up like that can do no harm: nobody commits its transaction.
        """
        producer, seconds = self._producer, self._seconds
        answer: Future[None] = Future()

        def send() -> None:
            try:
                producer.send_offsets_to_transaction(list(offsets), metadata, seconds)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(None)

        threading.Thread(target=send, name="offsets", daemon=True).start()
        try:
            answer.result(seconds + LATE_SECONDS)
        except TimeoutError:
            raise Fenced("Kafka's client did not come back from sending the offsets") from None

    def _abort(self, error: KafkaException) -> NoReturn:
        if error.args[0].fatal():
            raise Fenced(describe(error)) from error
        try:
            self._producer.abort_transaction(self._seconds)
        except KafkaException as failed:
            raise Fenced(f"abort failed: {describe(failed)}") from failed
        raise NotCommitted(describe(error)) from error
