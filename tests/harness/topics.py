"""What Kafka keeps of a deployment: messages, rows, dead letters, committed offsets; and entries put into a journal."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, MemberDescription  # type: ignore[attr-defined]

from sandbox.expected import REQUESTED
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import CURSOR_KEY, Cursor, Delivery, JournalEntry, Origin, dead_letter_from_headers
from schemas.topics import Topics, ensure_topics, order_key
from tests.harness.waiting import LONG

Entry = tuple[int, int, int]  # log id, type, order id


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
        until = time.monotonic() + LONG
        while len(ends) < len(partitions):
            assert time.monotonic() < until, f"{topic} has no end"
            for message in reader.consume(5000, 0.2):
                if (error := message.error()) is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ends.add(message.partition())
                else:
                    raise KafkaException(error)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        reader.close()


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """A message's headers."""
    found: Any = message.headers()
    return list(found or [])


def journal_entries(kafka: str, prefix: str) -> list[JournalEntry]:
    """Every committed entry of the journal topic."""
    codec = make_codec(Topics(prefix), None)
    values = [message.value() for message in read_whole(kafka, Topics(prefix).journal)]
    return [codec.decode(value if isinstance(value, bytes) else b"", JournalEntry) for value in values]


def published(kafka: str, prefix: str) -> Counter[int]:
    """How often each log id is in the journal topic."""
    return Counter(entry.log_id for entry in journal_entries(kafka, prefix) if entry.origin is Origin.JOURNAL)


def swept(kafka: str, prefix: str) -> Counter[int]:
    """How often each order is in the journal topic because a sweep found it."""
    return Counter(entry.order_id for entry in journal_entries(kafka, prefix) if entry.origin is Origin.BACKFILL)


def publish(kafka: str, prefix: str, entries: Iterable[Entry], origin: Origin = Origin.JOURNAL) -> None:
    """Put entries into the journal topic, as the producer does."""
    topics = Topics(prefix)
    codec = make_codec(topics, None)
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random", "acks": "all"})
    for log_id, kind, order_id in entries:
        entry = JournalEntry(log_id, kind, order_id, None, datetime.now(UTC), origin)
        producer.produce(topics.journal, key=order_key(order_id), value=codec.encode(entry))
    assert producer.flush(60) == 0, "Kafka did not accept the journal's entries"


def publish_shop(kafka: str, prefix: str, baselinker_url: str) -> None:
    """Create the topics and put a stand-in's whole journal into them: what a producer does at its first start."""
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), Topics(prefix))
    logs = [log for log in fetch_state(baselinker_url)["logs"] if log["log_type"] in REQUESTED]
    publish(kafka, prefix, [(log["log_id"], log["log_type"], log["order_id"]) for log in logs])


def make_sweep_due(kafka: str, prefix: str) -> None:
    """Let the producer's next run sweep: its cursor says that the last sweep was long ago. None may be running."""
    topics = Topics(prefix)
    codec = make_codec(topics, None)
    value = read_whole(kafka, topics.cursor)[-1].value()
    assert isinstance(value, bytes)
    cursor = codec.decode(value, Cursor)
    row = codec.encode(replace(cursor, swept_to=datetime.now(UTC) - timedelta(days=1)))
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topics.cursor, key=CURSOR_KEY, value=row)
    assert producer.flush(60) == 0, "Kafka did not accept the cursor"


def ledger_rows(kafka: str, prefix: str) -> dict[int, Delivery]:
    """The newest row of each order; an order whose row was removed has none."""
    codec = make_codec(Topics(prefix), None)
    found: dict[int, Delivery] = {}
    for message in read_whole(kafka, Topics(prefix).deliveries):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        found.pop(int(key), None)
        if isinstance(value, bytes):
            found[int(key)] = codec.decode(value, Delivery)
    return found


def dead_letters(kafka: str, topics: Topics) -> list[tuple[bytes | None, str, str]]:
    """Value, reason and message of every dead letter."""
    found: list[tuple[bytes | None, str, str]] = []
    for message in read_whole(kafka, topics.dead_letters):
        letter = dead_letter_from_headers(headers_of(message))
        value = message.value()
        found.append((value if isinstance(value, bytes) else None, letter.reason, letter.message))
    return found


def committed(kafka: str, prefix: str) -> Sequence[TopicPartition]:
    """What the processors' group has committed for each partition of the journal, with its metadata."""
    topic, config = Topics(prefix).journal, {"bootstrap.servers": kafka, "group.id": f"{prefix}-processor"}
    reader = Consumer({**config, "isolation.level": "read_uncommitted", "enable.auto.commit": False, "log_level": 0})
    try:
        known = reader.list_topics(topic, timeout=30).topics[topic].partitions
        return reader.committed([TopicPartition(topic, number) for number in known], timeout=30)
    finally:
        reader.close()


def committed_offsets(kafka: str, prefix: str) -> dict[int, int]:
    """The processors' group's offset of each partition of the journal; those without one are left out."""
    return {one.partition: one.offset for one in committed(kafka, prefix) if one.error is None and one.offset >= 0}


def group_members(kafka: str, group: str) -> Sequence[MemberDescription]:
    """A group's members as the broker knows them."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 3})
    found: Sequence[MemberDescription] = admin.describe_consumer_groups([group])[group].result(30).members
    return found
