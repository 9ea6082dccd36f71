"""From the topic to small queues, one per partition; always polling, and never far ahead on one partition.

A backlog is taken side by side from all owned partitions, lowest log id first: neighbours in the journal share
BaseLinker's pages, and Kafka alone would bring one partition after the other.
"""

from collections import deque
from collections.abc import Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.consume.decode import decode
from processor.errors import Overtaken
from processor.job import Entry, Raw
from processor.partition import Partition
from processor.values import Undecodable
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


@dataclass(slots=True, eq=False)
class _Queue:
    """`next` = the offset after the last message that came; `unproven`: entries from there on may have expired."""

    replay_until: int
    next: int
    raw: deque[Raw] = field(default_factory=deque)
    heads: deque[Entry | Undecodable] = field(default_factory=deque)  # decoded, at most one
    paused: bool = False
    at_end: bool = False
    unproven: int | None = None


class Source:
    """The queues of the partitions that are ready to be worked on."""

    def __init__(self, consumer: Consumer, codec: Codec, topic: str) -> None:
        self._consumer, self._codec, self._topic = consumer, codec, topic
        self._queues: dict[int, _Queue] = {}
        self._level_at = self._low_marks_at = 0.0
        self._registry_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="marks")
        self._asked: tuple[Future[tuple[int, int]], int, _Queue] | None = None
        self._to_ask: deque[tuple[int, _Queue]] = deque()

    def open(self, partition: Partition) -> bool:
        """Take a partition's messages from its position on; False where the consumer does not fetch it yet."""
        here = TopicPartition(self._topic, partition.number, partition.position)
        try:
            self._consumer.seek(here)
        except KafkaException:
            return False
        self._queues[partition.number] = _Queue(partition.progress.replay_until, partition.position)
        self._consumer.resume([here])
        return True

    def poll(self, now: float, room: int, seconds: float) -> Iterator[Entry | Undecodable]:
        """Serve the consumer (rebalances run in here), then take up to `room` entries; Overtaken, KafkaException.

        Lowest log id first over all partitions, each partition in its order. Waits up to so many seconds for messages.
        """
        for message in self._consumer.consume(POLL_MESSAGES, seconds):
            self._file(message)
        self._watch_low_marks(now)
        self._balance()
        yield from self._take(now, room)

    def pause(self, partitions: Set[int]) -> None:
        """Fetch nothing of these until they are opened again."""
        if partitions:
            self._consumer.pause([TopicPartition(self._topic, number) for number in partitions])

    def revoke(self, partitions: Set[int]) -> None:
        """Forget these partitions' queues: their messages are not committed and come again."""
        for number in partitions:
            self._queues.pop(number, None)

    def close(self) -> None:
        """End the thread that asks for low marks."""
        self._thread.shutdown(wait=True, cancel_futures=True)

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

    @property
    def at_end(self) -> bool:
        """Whether every open partition was read to its end and nothing waits."""
        return all(queue.at_end and not queue.raw and not queue.heads for queue in self._queues.values())

    # ---- taking

    def _take(self, now: float, room: int) -> Iterator[Entry | Undecodable]:
        for _ in range(room):
            if self._level():
                self._level_at = now
            elif now - self._level_at < LEVEL_SECONDS:  # the next of some partition may be lower: it is on its way
                return
            heads = [head for queue in self._queues.values() if (head := self._head(queue, now)) is not None]
            if not heads:
                return
            first = min(heads, key=_rank)
            self._queues[first.raw.partition].heads.popleft()
            yield first

    def _level(self) -> bool:
        """Whether no partition's next message is still on its way while others have some."""
        return all(queue.raw or queue.heads or queue.at_end for queue in self._queues.values())

    def _head(self, queue: _Queue, now: float) -> Entry | Undecodable | None:
        if queue.unproven is not None:
            return None
        if not queue.heads and queue.raw and now >= self._registry_at:
            try:
                queue.heads.append(decode(queue.raw[0], self._codec, queue.replay_until))
            except RegistryUnavailable as error:
                self._registry_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("the schema registry does not answer; waiting for it", error=str(error))
                return None
            queue.raw.popleft()
        return queue.heads[0] if queue.heads else None

    # ---- filing

    def _file(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
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
        if queue is None or partition is None or offset is None:
            return  # fetched before its partition was revoked
        if offset > queue.next + MARKER and queue.unproven is None:
            queue.unproven = queue.next
            self._to_ask.appendleft((partition, queue))
        queue.next = offset + 1
        queue.at_end = False
        key, value = message.key(), message.value()
        headers = tuple((str(name), _bytes(content)) for name, content in list(message.headers() or ()))
        written_at = message.timestamp()[1] / 1000
        queue.raw.append(Raw(partition, offset, _bytes(key), _bytes(value), headers, written_at))

    def _watch_low_marks(self, now: float) -> None:
        """Look for expired entries where offsets are left out, and now and then at the partitions that wait."""
        if now - self._low_marks_at >= LOW_MARK_EVERY_SECONDS:
            self._low_marks_at = now
            self._to_ask.extend((partition, queue) for partition, queue in self._queues.items() if queue.paused)
        if self._asked is not None and self._asked[0].done():
            answer, partition, queue = self._asked
            self._asked = None
            self._judge_low_mark(answer, partition, queue)
        if self._asked is None and self._to_ask:
            partition, queue = self._to_ask.popleft()
            ask = self._thread.submit(watermarks, self._consumer, self._topic, partition, LOW_MARK_TIMEOUT_SECONDS)
            self._asked = ask, partition, queue

    def _judge_low_mark(self, answer: "Future[tuple[int, int]]", partition: int, queue: _Queue) -> None:
        """Offsets that are left out are markers, aborted transactions, or entries that are gone; Overtaken if gone."""
        if self._queues.get(partition) is not queue:
            return
        try:
            low, _ = answer.result()
        except KafkaException:
            if queue.unproven is not None:  # the broker does not answer now: ask again, and take nothing until then
                self._to_ask.append((partition, queue))
            return
        expected = queue.unproven if queue.unproven is not None else queue.next
        if low > expected:
            raise Overtaken(f"partition {partition} begins at {low} now; it was read up to {expected}")
        queue.unproven = None

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
