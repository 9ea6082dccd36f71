"""Messages and offsets of one deployment's topics, read from outside; the cursor, and the count of partitions."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from operations.output import Refused
from runtime.client_errors import told_by
from runtime.end_offsets import find_ends, offsets_from, watermarks
from runtime.kafka import admin_config, consumer_config
from runtime.logging import configure_logging
from runtime.settings import Settings
from schemas.codec import Codec, make_codec
from schemas.records import Cursor
from schemas.topics import Topics

SECONDS, ANSWER_SECONDS = 10.0, 5.0
STUCK_SECONDS = 60.0
END_WAIT_MS = 10
MANY = 2000


class KafkaAway(Refused):
    """The broker does not answer."""


def away(settings: Settings, error: KafkaException) -> KafkaAway:
    """Return the error that says so in a sentence."""
    return KafkaAway(
        f"Kafka does not answer at {settings.kafka_bootstrap_servers} ({told_by(error)}):"
        " is it running, and is KAFKA_BOOTSTRAP_SERVERS right?"
    )


class TopicReads:
    """Readers over one deployment's topics; to be closed."""

    def __init__(self, settings: Settings) -> None:
        configure_logging("ERROR", settings.log_format, settings.secrets)
        plain = {name: value for name, value in settings.kafka_properties.items() if name != "group.protocol"}
        self.settings = settings
        self.topics = Topics(settings.topic_prefix)
        self.codec: Codec = make_codec(self.topics, settings.schema_registry)
        self.admin = AdminClient(admin_config(settings))
        alone = settings.model_copy(update={"kafka_properties": plain})
        at_once = {"fetch.wait.max.ms": END_WAIT_MS}  # a reader waits for a log's end, not for what comes after it
        self._config = consumer_config(alone, f"{settings.group_id}-reader", **at_once)
        self._consumer = Consumer(self._config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """Return a topic's partitions; Refused where the broker does not answer or has no such topic."""
        try:
            known = self.admin.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as error:
            raise away(self.settings, error) from None
        if topic not in known:
            raise Refused(
                f"there is no topic {topic}: check TOPIC_PREFIX and KAFKA_BOOTSTRAP_SERVERS; `bl2sm topics` makes them"
            )
        return sorted(known[topic].partitions)

    def log_ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return each partition's first offset and its end (the last stable one)."""
        return {number: watermarks(self._consumer, topic, number, SECONDS) for number in self.partitions(topic)}

    def wait_for_hidden(self, topic: str, seconds: float = 40.0) -> None:
        """Wait until no open transaction hides messages; Refused where one stays (a killed member's ends in 20 s)."""
        until = time.monotonic() + seconds
        while True:
            ends = find_ends(self.admin, topic, self.partitions(topic), SECONDS)
            if all(end >= ends[number] for number, (_, end) in self.log_ends(topic).items()):
                return
            if time.monotonic() > until:
                raise Refused(f"an open transaction hides messages of {topic}: is a program still running?")
            time.sleep(0.1)

    def offsets_at(self, topic: str, at: datetime) -> dict[int, int]:
        """Return each partition's first offset written at or after a time, its end where there is none."""
        ends = self.log_ends(topic)
        times = dict.fromkeys(ends, round(at.timestamp() * 1000))
        found = offsets_from(self._consumer, topic, times, SECONDS)
        return {number: offset if offset is not None else ends[number][1] for number, offset in found.items()}

    def messages(self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Message]:
        """Yield the committed messages from the starts up to (not including) the ends, as they come."""
        wanted = {number: (start, ends[number]) for number, start in starts.items() if start < ends[number]}
        if not wanted:
            return
        reader = Consumer(self._config)
        try:
            reader.assign([TopicPartition(topic, number, start) for number, (start, _) in wanted.items()])
            left, moved_at = set(wanted), time.monotonic()
            while left:
                # consume() alone would wait out its time whenever fewer are left than it may bring
                first = reader.poll(0.2)
                found = [first, *reader.consume(MANY, 0)] if first is not None else []
                if found:
                    moved_at = time.monotonic()
                elif time.monotonic() - moved_at > STUCK_SECONDS:
                    raise Refused(f"{topic} can't be read to its end: is a partition of it without a leader?")
                for message in found:
                    number, offset, error = message.partition(), message.offset(), message.error()
                    if number is None:
                        continue
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF:
                            left.discard(number)
                            continue
                        if error.fatal() or not error.retriable():
                            raise KafkaException(error)
                        continue
                    if offset is not None and offset >= wanted[number][1] - 1:
                        left.discard(number)
                    if offset is not None and offset < wanted[number][1]:
                        yield message
        finally:
            reader.close()

    def whole(self, topic: str, partition: int | None = None) -> Iterator[Message]:
        """Yield every committed message of a topic, or of one of its partitions."""
        ends = {number: both for number, both in self.log_ends(topic).items() if partition in (None, number)}
        return self.messages(
            topic,
            {number: first for number, (first, _) in ends.items()},
            {number: end for number, (_, end) in ends.items()},
        )

    def cursor(self) -> Cursor | None:
        """Return how far BaseLinker's journal was read; None before the first start."""
        found = None
        for message in self.whole(self.topics.cursor):
            value = message.value()
            found = value if isinstance(value, bytes) else found
        return self.codec.decode(found, Cursor) if found is not None else None

    def partition_count(self) -> int:
        """Return the count by which orders lie in partitions; Refused where topic and cursor disagree."""
        count, cursor = len(self.partitions(self.topics.journal)), self.cursor()
        if cursor is not None and cursor.journal_partitions != count:
            raise Refused(
                f"{self.topics.journal} has {count} partitions and had {cursor.journal_partitions}: nothing may be"
                " written, rows would be looked up in the wrong place. Move to a new TOPIC_PREFIX"
            )
        return count
