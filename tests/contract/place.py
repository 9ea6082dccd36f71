"""Topics of a test's own, a group, and what the programs are made of: what the facts about Kafka are tried with."""

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.clock import boottime
from processor.commit.stage import Commit
from processor.job import Job
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.restore.restore import Restore
from processor.restore.topic_identity import TopicWatch
from processor.values import Recorded
from runtime.compacted_reader import CompactedReader
from runtime.health import Health
from runtime.refusals import Refusals
from runtime.topic_identity import topic_id
from runtime.transaction import Fenced, TransactionalWriter
from schemas.codec import Codec, make_codec
from schemas.progress import Progress
from schemas.records import Delivery, Outcome
from schemas.topics import Topics, ensure_topics
from tests.harness.topics import read_whole
from tests.harness.waiting import wait_until

PARTITIONS = 2
SESSION: dict[str, Any] = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}


@dataclass(slots=True)
class Place:
    """Topics of its own, a group, and what the programs are made of."""

    kafka: str
    prefix: str
    stack: ExitStack
    topics: Topics = field(init=False)
    admin: AdminClient = field(init=False)
    codec: Codec = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics(self.prefix)
        self.admin = AdminClient({"bootstrap.servers": self.kafka})
        self.codec = make_codec(self.topics, None)
        ensure_topics(self.admin, self.topics, PARTITIONS, seconds=30.0)

    def consumer(self, group: str | None = None, **over: Any) -> Consumer:
        """One that subscribes to nothing yet."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": group or self.prefix,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                **over,
            }
        )
        self.stack.callback(consumer.close)
        return consumer

    def member(self) -> Consumer:
        """One that joins the group."""
        consumer = self.consumer(None, **SESSION)
        consumer.subscribe([self.topics.journal])
        return consumer

    def producer(self, name: str) -> Producer:
        """A transactional one, as the programs have it."""
        return Producer({"bootstrap.servers": self.kafka, "transactional.id": name, "transaction.timeout.ms": 10_000})

    def commit(self, member: Any, name: str | None = None) -> Commit:
        """The stage that writes rows and offsets for a member, by a producer of its own."""
        name = name or f"{self.prefix}-{uuid.uuid4().hex}"
        writer = TransactionalWriter(lambda: self.producer(name))
        commit = Commit(writer, member.consumer_group_metadata, self.topics, self.codec, Refusals(Health()))
        commit.open()
        self.stack.callback(commit.close)
        return commit

    def partition(self, number: int, position: int = 0, **progress: Any) -> Partition:
        """An owned partition of the journal, worked on up to an offset."""
        identity = topic_id(self.admin, self.topics.journal)
        return Partition(number, identity, 0.0, position, Progress(identity, **progress))

    def row(self, event_id: str = "event") -> bytes:
        """A row of a delivered order."""
        now = datetime.now(UTC)
        return self.codec.encode(
            Delivery(Outcome.DELIVERED, "created", False, 0, "topic", 1, "contact", event_id, None, now)
        )

    def rows(self) -> list[tuple[int | None, Any]]:
        """Partition and key of every committed row."""
        return [(message.partition(), message.key()) for message in read_whole(self.kafka, self.topics.deliveries)]

    def committed(self) -> dict[int, int]:
        """The group's offsets."""
        asked = [TopicPartition(self.topics.journal, number) for number in range(PARTITIONS)]
        return {one.partition: one.offset for one in self.consumer().committed(asked, timeout=30) if one.offset >= 0}

    def entries(self, *partitions: int) -> None:
        """One journal message into each of these partitions."""
        plain = Producer({"bootstrap.servers": self.kafka})
        for number in partitions:
            plain.produce(self.topics.journal, b"an entry", b"1", partition=number)
        assert plain.flush(30) == 0

    def restore(self, member: Consumer, ledger: Ledger, admin: Any = None) -> Restore:
        """What makes partitions ready."""
        loader = self.consumer(f"{self.prefix}-ledger")
        identity = TopicWatch(self.admin, self.topics, PARTITIONS, boottime)
        asked = admin or self.admin
        rows = CompactedReader(loader, asked, self.topics.deliveries)
        restore = Restore(member, asked, self.topics, rows, ledger, identity)
        self.stack.callback(restore.close)
        return restore


def has(number: int, member: Consumer, *others: Consumer) -> Callable[[], bool]:
    """Whether a member has so many partitions, when it and the others have polled once more."""

    def asked() -> bool:
        for one in (member, *others):
            one.poll(0.1)
        return len(member.assignment()) == number

    return asked


def until_ready(restore: Restore, number: int = 1) -> dict[int, Partition]:
    """Poll until so many partitions are ready."""
    ready: dict[int, Partition] = {}

    def polled() -> bool:
        ready.update({one.number: one for one in restore.poll(boottime())})
        return len(ready) == number

    wait_until(polled, 60, "partitions are ready")
    return ready


def a_row(place: Place, number: int, order_id: int = 1) -> Recorded:
    """An order's row, to be written into a partition; no entry has its outcome with it."""
    return Recorded((), 0, Job(order_id, number, (), None), value=place.row())


def written(commit: Commit) -> bool:
    """Let what was handed in become one transaction; False when Kafka rejects it."""
    list(commit.poll(boottime(), at_once=True))
    commit.join(30)
    try:
        list(commit.poll(boottime() - 3600))  # takes the answer in, and begins nothing
    except Fenced:
        return False
    return not commit.doubted
