"""Topics filled beforehand: a journal with a backlog, a ledger of any size."""

import random
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from runtime.topic_identity import topic_id
from schemas.codec import Codec, make_codec
from schemas.partitioner import partition_of
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics, ensure_topics, order_key

PARTITIONS = 6


@contextmanager
def own_topics(kafka: str) -> Iterator[Topics]:
    """All topics of a prefix that nobody has; deleted at the end: a million rows are not left behind."""
    topics = Topics(f"bench-{uuid.uuid4().hex[:10]}")
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 3})
    ensure_topics(admin, topics, PARTITIONS)
    try:
        yield topics
    finally:
        for future in admin.delete_topics(list(topics.all)).values():
            future.exception()


def fill_journal(kafka: str, topics: Topics, logs: Iterable[dict[str, Any]]) -> None:
    """Write the journal's entries in their order."""
    fill_entries(kafka, topics, map(entry_of, logs))


def fill_entries(kafka: str, topics: Topics, entries: Iterable[JournalEntry]) -> None:
    """Write entries of any origin in their order."""
    codec = make_codec(topics, None)
    _fill(kafka, topics.journal, ((entry.order_id, codec.encode(entry)) for entry in entries))


def fill_ledger(kafka: str, topics: Topics, count: int, first: int = 747_000_000) -> None:
    """Write one row for each of so many orders, as they are after a purchase."""
    codec = make_codec(topics, None)
    identity = topic_id(AdminClient({"bootstrap.servers": kafka, "log_level": 3}), topics.journal)
    _fill(kafka, topics.deliveries, _rows(codec, identity, count, first))


def _rows(codec: Codec, identity: str, count: int, first: int) -> Iterable[tuple[int, bytes]]:
    now, chance = datetime.now(UTC), random.Random(count)
    for number in range(count):
        row = Delivery(
            outcome=Outcome.DELIVERED,
            reason="created",
            purchase_due=False,
            journal_offset=number // PARTITIONS,
            journal_topic_id=identity,
            log_id=456_000 + 2 * number,
            contact_id=str(uuid.UUID(int=chance.getrandbits(128))),
            event_id=str(uuid.UUID(int=chance.getrandbits(128))),
            fingerprint=f"{chance.getrandbits(128):032x}.{chance.getrandbits(128):032x}",
            delivered_at=now,
        )
        yield first + number, codec.encode(row)


def entry_of(log: dict[str, Any]) -> JournalEntry:
    """Return the record of a journal entry."""
    at = datetime.fromtimestamp(log["date"], UTC)
    return JournalEntry(log["log_id"], log["log_type"], log["order_id"], None, at, Origin.JOURNAL)


def _fill(kafka: str, topic: str, messages: Iterable[tuple[int, bytes]]) -> None:
    producer = Producer(
        {"bootstrap.servers": kafka, "linger.ms": 50, "compression.type": "zstd", "enable.idempotence": True,
         "log_level": 3}
    )  # fmt: skip
    for count, (order_id, value) in enumerate(messages):
        key = order_key(order_id)
        while True:
            try:
                producer.produce(topic, partition=partition_of(key, PARTITIONS), key=key, value=value)
                break
            except BufferError:
                producer.poll(0.1)
        if count % 1000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise RuntimeError(f"{topic} could not be filled")
