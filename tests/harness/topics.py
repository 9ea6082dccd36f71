"""What Kafka keeps of a deployment: messages, dead letters, committed offsets."""

import time

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

import operations.topics
from operations.kafka_reads import KafkaReads
from runtime.settings import Settings
from schemas.records import dead_letter_from_headers
from schemas.topics import Topics
from tests.harness.waiting import wait_until


def make_topics(settings: Settings) -> None:
    """Create a deployment's topics; each partition has its leader then, which takes a moment under load."""
    names = Topics(settings.topic_prefix)
    operations.topics.make_topics(settings)

    def led() -> bool:
        try:
            return all(reads.log_ends(topic) for topic in names.all)
        except KafkaException:
            return False

    with KafkaReads(settings) as reads:
        wait_until(led, 60, "every partition has a leader")


def read_whole(kafka: str, topic: str) -> list[Message]:
    """Every committed message of a topic, partition after partition in its order."""
    return read_on(kafka, topic, {})


def read_on(kafka: str, topic: str, offsets: dict[int, int]) -> list[Message]:
    """Every committed message from these offsets on (0 where none is given), to the end."""
    reader = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "reads-only",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    try:
        partitions = reader.list_topics(topic, timeout=30).topics[topic].partitions
        reader.assign([TopicPartition(topic, number, offsets.get(number, 0)) for number in partitions])
        found: list[Message] = []
        ends: set[int | None] = set()
        until = time.monotonic() + 60
        while len(ends) < len(partitions):
            assert time.monotonic() < until, f"{topic} has no end"
            for message in reader.consume(5000, 0.2):
                if message.error() is not None:
                    ends.add(message.partition())
                else:
                    found.append(message)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        reader.close()


def dead_letters(kafka: str, topics: Topics) -> list[tuple[bytes | None, str, str]]:
    """Value, reason and message of every dead letter."""
    found: list[tuple[bytes | None, str, str]] = []
    for message in read_whole(kafka, topics.dead_letters):
        letter = dead_letter_from_headers(list(message.headers() or []))  # type: ignore[arg-type]
        value = message.value()
        found.append((value if isinstance(value, bytes) else None, letter.reason, letter.message))
    return found


def committed_offsets(kafka: str, prefix: str) -> dict[int, int]:
    """The processors' group's offset of each partition of the journal."""
    topic, config = Topics(prefix).journal, {"bootstrap.servers": kafka, "group.id": f"{prefix}-processor"}
    reader = Consumer({**config, "isolation.level": "read_uncommitted", "enable.auto.commit": False, "log_level": 0})
    try:
        known = reader.list_topics(topic, timeout=30).topics[topic].partitions
        found = reader.committed([TopicPartition(topic, number) for number in known], timeout=30)
        return {one.partition: one.offset for one in found if one.error is None and one.offset >= 0}
    finally:
        reader.close()
