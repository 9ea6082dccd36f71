"""From the topic to small queues, one a partition; always polling, and never far ahead on one partition.

A backlog is taken side by side from all owned partitions, lowest log id first: neighbours in the journal share
BaseLinker's windows, and Kafka alone would bring one partition after the other.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.consume.decode import Undecodable, decode
from processor.job import Entry, Raw
from runtime.end_offsets import fetched_end, watermarks
from runtime.logging import get_logger
from schemas.codec import Codec, RegistryUnavailable
from schemas.records import Origin

HIGH, LOW = 1000, 300
LEVEL_SECONDS = 1.0
POLL_MESSAGES = 500
REGISTRY_PAUSE_SECONDS = 2.0
LOW_MARK_EVERY_SECONDS, LOW_MARK_TIMEOUT_SECONDS = 30.0, 2.0
MARKER = 1  # a transaction's end takes an offset of its own

log = get_logger(__name__)


class Overtaken(Exception):
    """Entries expired before they were read, while the partition was owned: join again, which notes the gap."""


@dataclass(slots=True)
class _Queue:
    replay_until: int
    next: int  # the offset after the last message that came
    raw: deque[Raw] = field(default_factory=deque)
    heads: deque[Entry | Undecodable] = field(default_factory=deque)  # decoded, at most one
    paused: bool = False
    at_end: bool = False


class Intake:
    """The queues of the partitions that are ready to be worked on."""

    def __init__(self, consumer: Consumer, codec: Codec, topic: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._low_marks_at = clock()
        self._level_at = 0.0
        self._consumer = consumer
        self._codec = codec
        self._topic = topic
        self._queues: dict[int, _Queue] = {}
        self._registry_back_at = 0.0

    def open(self, partition: int, replay_until: int, position: int) -> None:
        """Begin to take a partition's messages from a position on (it is resumed by the caller)."""
        self._queues[partition] = _Queue(replay_until, position)

    def drop(self, partition: int) -> None:
        """Forget a partition's queue: its messages are not committed and come again."""
        self._queues.pop(partition, None)

    def poll(self, seconds: float) -> int:
        """Serve the consumer (rebalances run in here) and fill the queues; return how many messages came."""
        messages = self._consumer.consume(POLL_MESSAGES, seconds)
        for message in messages:
            self._file(message)
        self._watch_low_marks()
        self._balance()
        return len(messages)

    def queued(self) -> int:
        """How many messages wait in the queues."""
        return sum(len(queue.raw) + len(queue.heads) for queue in self._queues.values())

    def waiting(self, partition: int) -> int:
        """How many entries of a partition are not taken yet; of those not fetched by offsets, so markers count, too."""
        queue = self._queues.get(partition)
        if queue is None:
            return 0
        queued = len(queue.raw) + len(queue.heads)
        if queue.at_end:
            return queued
        end = fetched_end(self._consumer, self._topic, partition)
        return queued + (max(0, end - queue.next) if end is not None else 0)

    def at_end(self) -> bool:
        """Whether every open partition was read to its end and nothing waits."""
        return self.queued() == 0 and all(queue.at_end for queue in self._queues.values())

    def level(self) -> bool:
        """Whether no partition's next message is still on its way while others have some."""
        return all(queue.raw or queue.heads or queue.at_end for queue in self._queues.values())

    def take(self, limit: int, now: float) -> list[Entry | Undecodable]:
        """Take up to so many entries, lowest log id first over all partitions, each partition in its order."""
        taken: list[Entry | Undecodable] = []
        if now < self._registry_back_at:
            return taken
        while len(taken) < limit:
            if self.level():
                self._level_at = now
            elif now - self._level_at < LEVEL_SECONDS:  # the next of some partition may be lower: it is on its way
                break
            heads = [head for queue in self._queues.values() if (head := self._head(queue, now)) is not None]
            if not heads:
                break
            first = min(heads, key=_rank)
            self._queues[first.raw.partition].heads.popleft()
            taken.append(first)
        return taken

    def _head(self, queue: _Queue, now: float) -> Entry | Undecodable | None:
        if not queue.heads and queue.raw and now >= self._registry_back_at:
            try:
                queue.heads.append(decode(queue.raw[0], self._codec, queue.replay_until, now))
            except RegistryUnavailable as error:
                self._registry_back_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("schema registry away: waiting for it", error=str(error))
                return None
            queue.raw.popleft()
        return queue.heads[0] if queue.heads else None

    def _file(self, message: Message) -> None:
        error = message.error()
        partition = message.partition()
        queue = self._queues.get(partition) if partition is not None else None
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                if queue is not None:
                    queue.at_end = True
            elif error.fatal():
                raise KafkaException(error)
            else:
                log.warning("Kafka reports a problem; waiting for it to pass", error=error.str())
            return
        offset = message.offset()
        if queue is None or partition is None or offset is None:
            return  # fetched before its partition was revoked
        if offset > queue.next + MARKER:
            self._check_low_mark(partition, queue)
        queue.next = offset + 1
        queue.at_end = False
        key, value = message.key(), message.value()
        headers = tuple((str(name), _bytes(content)) for name, content in list(message.headers() or ()))
        written_at = message.timestamp()[1] / 1000
        queue.raw.append(Raw(partition, offset, _bytes(key), _bytes(value), headers, written_at))

    def _watch_low_marks(self) -> None:
        """Look for expired entries at the partitions that wait, a while before they would be fetched."""
        if self._clock() - self._low_marks_at < LOW_MARK_EVERY_SECONDS:
            return
        self._low_marks_at = self._clock()
        for partition, queue in self._queues.items():
            if queue.paused:
                try:
                    self._check_low_mark(partition, queue)
                except KafkaException:
                    return  # the broker is away: nothing is fetched either

    def _check_low_mark(self, partition: int, queue: _Queue) -> None:
        """Offsets that are left out are markers, aborted transactions, or entries that are gone; Overtaken if gone."""
        low, _ = watermarks(self._consumer, self._topic, partition, LOW_MARK_TIMEOUT_SECONDS)
        if low > queue.next:
            raise Overtaken(f"partition {partition} begins at {low} now; it was read up to {queue.next}")

    def _balance(self) -> None:
        for partition, queue in self._queues.items():
            if not queue.paused and len(queue.raw) >= HIGH:
                self._consumer.pause([TopicPartition(self._topic, partition)])
                queue.paused = True
            elif queue.paused and len(queue.raw) <= LOW:
                self._consumer.resume([TopicPartition(self._topic, partition)])
                queue.paused = False


def _rank(head: Entry | Undecodable) -> tuple[bool, int]:
    if isinstance(head, Undecodable):
        return False, -1
    return head.record.origin is Origin.BACKFILL, head.record.log_id


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
