"""A compacted topic read from its beginning to its true end, and on from there, without waiting for a broker.

A consumer reads up to the last stable offset, which hides rows behind an open transaction. So the true end is asked
of the brokers, and a partition counts as read once the consumer has come that far.
"""

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.client_errors import describe
from runtime.end_offsets import ask_ends, resolve_end
from runtime.logging import get_logger

ASK_SECONDS, ASK_AGAIN_SECONDS = 5.0, 1.0
LOG_AGAIN_SECONDS = 10.0

log = get_logger(__name__)


class Row(NamedTuple):
    """One message; `value` None = a tombstone."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class _Partition:
    end: int | None = None
    read_to: int = 0  # the last end that the consumer came to; it reports each only once

    @property
    def reached(self) -> bool:
        return self.end is not None and self.read_to >= self.end


class CompactedReader:
    """Used by one thread; the consumer has `enable.partition.eof`, joins no group, and is the caller's to close."""

    def __init__(self, consumer: Consumer, admin: AdminClient, topic: str) -> None:
        self._consumer, self._admin, self._topic = consumer, admin, topic
        self._partitions: dict[int, _Partition] = {}
        self._asked: dict[int, Future[Any]] = {}
        self._ask_at = self._give_up_at = self._log_at = 0.0

    def open(self, numbers: Collection[int]) -> None:
        """Read these partitions, too, from their beginning."""
        if numbers:
            self._consumer.incremental_assign([TopicPartition(self._topic, one, OFFSET_BEGINNING) for one in numbers])
            self._partitions |= {number: _Partition() for number in numbers}

    def drop(self, numbers: Collection[int]) -> None:
        """Stop reading these partitions."""
        if numbers:
            self._consumer.incremental_unassign([TopicPartition(self._topic, number) for number in numbers])
        for number in numbers:
            del self._partitions[number]
            self._asked.pop(number, None)

    @property
    def reached(self) -> bool:
        """Whether every open partition was read to the end that it had at some moment after it was opened."""
        return all(partition.reached for partition in self._partitions.values())

    def has_reached(self, number: int) -> bool:
        """Whether one open partition was."""
        return self._partitions[number].reached

    def ask_again(self, numbers: Iterable[int]) -> None:
        """Let partitions count as read only once they were read to the end that they have from now on."""
        for number in numbers:
            self._partitions[number].end = None
            self._asked.pop(number, None)
        self._ask_at = 0.0

    def poll(self, now: float, wait: float = 0.0, most: int = 1000) -> list[Row]:
        """Return the next rows, waiting at most `wait` seconds for the first; `now` is monotonic. KafkaException."""
        self._find_ends(now)
        rows: list[Row] = []
        for message in self._consumer.consume(most, wait):
            if (error := message.error()) is not None:
                self._take_error(error, message, now)
                continue
            key, value = message.key(), message.value()
            rows.append(
                Row(
                    message.partition() or 0,
                    message.offset() or 0,
                    key if isinstance(key, bytes) else None,
                    value if isinstance(value, bytes) else None,
                )
            )
        return rows

    def _take_error(self, error: KafkaError, message: Message, now: float) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            if (partition := self._partitions.get(message.partition() or 0)) is not None:
                partition.read_to = max(partition.read_to, message.offset() or 0)
        elif error.fatal():
            raise KafkaException(error)
        else:
            self._warn("a topic can't be read; trying again", error.str(), now)

    def _find_ends(self, now: float) -> None:
        if self._asked and now >= self._give_up_at:
            self._asked = {}  # the client was seen never to answer
        unknown = [number for number, partition in self._partitions.items() if partition.end is None]
        if unknown and not self._asked and now >= self._ask_at:
            self._ask_at, self._give_up_at = now + ASK_AGAIN_SECONDS, now + 2 * ASK_SECONDS
            self._asked = ask_ends(self._admin, self._topic, unknown, ASK_SECONDS)
        for number in [number for number, answer in self._asked.items() if answer.done()]:
            try:
                self._partitions[number].end = resolve_end(self._admin, self._asked.pop(number))
            except KafkaException as error:
                self._asked = {}  # the others have the same trouble
                self._warn("the end of a topic is not known yet; asking again", describe(error), now)
                return

    def _warn(self, event: str, error: str, now: float) -> None:
        if now >= self._log_at:
            self._log_at = now + LOG_AGAIN_SECONDS
            log.warning(event, topic=self._topic, error=error)
