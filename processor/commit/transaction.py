"""Rows, dead letters and offsets in one Kafka transaction: all of it or none.

Every transaction carries the offset of each partition it writes for, moved or not: the broker checks a member's
generation only when offsets are sent, and rows alone would slip through from a member long replaced.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from processor.decide.rules import BY_SHOPS_CHOICE
from processor.deliver.state_machine import Ending, may_lie_there
from processor.job import Job, Raw
from processor.restore.restore import Partition
from runtime.logging import get_logger
from schemas.codec import Codec
from schemas.records import RETRACTED, DeadLetter, Delivery, Outcome
from schemas.topics import Topics, order_key

TRANSACTION_SECONDS, LATE_SECONDS = 9.0, 2.0
LARGEST_LETTER, LARGEST_KEPT_VALUE, LARGEST_KEPT_KEY = 900_000, 800_000, 1_000  # Kafka's default limit is 1,048,588

log = get_logger(__name__)


class NotCommitted(Exception):
    """The transaction was aborted: everything in it is still to be recorded."""


class Fenced(Exception):
    """This producer can't go on: the partitions must be given up and a new one made."""


@dataclass(slots=True)
class Batch:
    """What the next transaction will hold."""

    rows: dict[int, tuple[int, bytes | None]] = field(default_factory=dict)  # order id → partition, encoded row
    intents: list[Job] = field(default_factory=list)
    dead: list[tuple[Raw, DeadLetter]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.rows or self.intents or self.dead or self.touched)

    def drop(self, partitions: set[int]) -> None:
        """Leave out what belongs to partitions that were given up."""
        self.rows = {order: found for order, found in self.rows.items() if found[0] not in partitions}
        self.intents = [job for job in self.intents if job.partition not in partitions]
        self.dead = [(raw, letter) for raw, letter in self.dead if raw.partition not in partitions]
        self.touched -= partitions


class Record:
    """One transactional producer with a random id (a shared one would get fenced by its namesake)."""

    def __init__(
        self,
        make_producer: Callable[[str], Producer],
        consumer: Consumer,
        codec: Codec,
        topics: Topics,
        group_id: str,
    ) -> None:
        self._consumer, self._codec, self._topics = consumer, codec, topics
        self._producer = make_producer(f"{group_id}-{uuid.uuid4()}")
        self._producer.init_transactions(TRANSACTION_SECONDS * 3)

    def encode(self, row: Delivery) -> bytes:
        """Return a row as it will lie in the topic."""
        return self._codec.encode(row)

    def commit(self, batch: Batch, partitions: Mapping[int, Partition], dead_streak: int) -> None:
        """Write the batch and the offsets of its partitions; NotCommitted = nothing of it counts, try again.

        1. begin; 2. rows and intents; 3. dead letters; 4. offsets with the group's metadata; 5. commit.
        Called on the poll thread, with no poll between 4 and 5.
        """
        now = int(time.time())
        offsets = [
            TopicPartition(
                self._topics.journal,
                number,
                position,
                replace(partition.progress, dead_streak=dead_streak, at=now).encode(),
            )
            for number, partition in sorted(partitions.items())
            if number in batch.touched and (position := partition.tracker.committable) is not None
        ]
        written = {number for number, _ in batch.rows.values()} | {raw.partition for raw, _ in batch.dead}
        if missing := (batch.touched | written) - {offset.partition for offset in offsets}:
            raise AssertionError(f"no offset for partitions {sorted(missing)}: nothing may be written for them")
        try:
            self._producer.begin_transaction()
            for order_id, (number, value) in batch.rows.items():
                self._produce(self._topics.deliveries, number, order_key(order_id), value, None)
            for raw, letter in batch.dead:
                value, headers = fitting(raw, letter)
                key = f"{raw.partition}/{raw.offset}".encode()
                self._produce(self._topics.dead_letters, raw.partition, key, value, headers)
            self._send_offsets(offsets)
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        except KafkaException as error:
            self._abort(error)

    def _produce(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]] | None,
    ) -> None:
        arguments = {"headers": list(headers)} if headers is not None else {}
        while True:
            try:
                self._producer.produce(topic, partition=partition, key=key, value=value, **arguments)  # type: ignore[arg-type]
                return
            except BufferError:
                self._producer.poll(0.1)

    def _send_offsets(self, offsets: list[TopicPartition]) -> None:
        """Send them on a thread of its own, for the call may never return (librdkafka issue 5456): then Fenced.

        What is left behind of a producer given up like that can do no harm: nobody commits its transaction.
        """
        producer, metadata = self._producer, self._consumer.consumer_group_metadata()
        answer: Future[None] = Future()

        def send() -> None:
            try:
                producer.send_offsets_to_transaction(offsets, metadata, TRANSACTION_SECONDS)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(None)

        threading.Thread(target=send, name="offsets", daemon=True).start()
        try:
            answer.result(TRANSACTION_SECONDS + LATE_SECONDS)
        except TimeoutError:
            raise Fenced("Kafka's client did not come back from sending the offsets") from None

    def _abort(self, error: KafkaException) -> None:
        cause = error.args[0]
        if cause.fatal():
            raise Fenced(str(cause)) from error
        try:
            self._producer.abort_transaction(TRANSACTION_SECONDS)
        except KafkaException as failed:
            raise Fenced(f"abort failed: {failed.args[0]}") from failed
        log.warning("Kafka did not take the transaction; trying again", error=str(cause))
        raise NotCommitted(str(cause)) from error


def fitting(raw: Raw, letter: DeadLetter) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    """Value and headers of a dead letter, cut to what any topic takes: the whole still lies where the headers say."""
    headers = [header for header in raw.headers if not header[0].startswith("error.")]
    told = letter.to_headers()
    size = len(raw.value or b"") + len(raw.key or b"") + sum(len(name) + len(text or b"") for name, text in headers)
    if size <= LARGEST_LETTER:
        return raw.value or b"", [*headers, *told]  # without a value it would be a tombstone
    told = [(name, text[:LARGEST_KEPT_KEY]) for name, text in told]
    return (raw.value or b"")[:LARGEST_KEPT_VALUE], [*told, ("error.cut_from", str(size).encode())]


def final_row(job: Job, ending: Ending, topic_id: str, now: datetime) -> Delivery:
    """The row a finished job leaves: its offset never goes down, event id and a purchase still due are carried on.

    A retracted order stays so whatever became of its contact, unless the operator asked for it.
    """
    row = job.row
    before = row.journal_offset if row is not None and row.journal_topic_id == topic_id else -1
    delivered = ending.outcome is Outcome.DELIVERED
    sent = delivered and job.send is not None
    event_id = ending.event_id if ending.event_id is not None else job.event_id
    contact_id = ending.contact_id or job.contact_id or (row.contact_id if row is not None else None)
    if row is not None and row.event_id and row.event_id == event_id:
        contact_id = row.contact_id or contact_id  # with whom the purchase lies, also when the buyer was edited since
    if not delivered and job.intended_contact is None and row is not None and row.contact_id and may_lie_there(row):
        contact_id = row.contact_id  # where a create of unknown fate may lie: whoever comes next must look there
    if delivered and job.purchase and job.send is not None and job.send.purchase is not None:
        due = False
    else:
        due = job.purchase and ending.reason not in BY_SHOPS_CHOICE
    return Delivery(
        outcome=Outcome.RETRACTED if job.stays_retracted else ending.outcome,
        reason=RETRACTED if job.stays_retracted else ending.reason,
        purchase_due=due,
        journal_offset=max(before, job.offset),
        journal_topic_id=topic_id,
        log_id=max(job.log_id, row.log_id if row is not None else 0),
        contact_id=contact_id,
        event_id=event_id,
        fingerprint=_fingerprint(job, sent),
        delivered_at=now,
    )


def intent_row(job: Job, topic_id: str, now: datetime) -> Delivery:
    """The row that says: a purchase of this order may be created from now on. Its offset is not moved."""
    row = job.row
    before = row.journal_offset if row is not None and row.journal_topic_id == topic_id else -1
    return Delivery(
        outcome=Outcome.SENDING,
        reason="",
        purchase_due=True,
        journal_offset=before,
        journal_topic_id=topic_id,
        log_id=job.log_id,
        contact_id=job.contact_id,
        event_id=None,
        fingerprint=row.fingerprint if row is not None else None,
        delivered_at=now,
    )


def unreadable_row(log_id: int) -> Delivery:
    """What stands for a row that can't be read: the worst it may have said, an intent on a purchase still due."""
    return Delivery(
        outcome=Outcome.SENDING,
        reason="",
        purchase_due=True,
        journal_offset=-1,
        journal_topic_id="",
        log_id=log_id,
        contact_id=None,
        event_id=None,
        fingerprint=None,
        delivered_at=datetime.now(UTC),
    )


def dead_letter(raw: Raw, topic: str, reason: str, error: Exception | None, attempts: int) -> DeadLetter:
    """The headers of a dead letter; messages are the program's own words, never a payload."""
    return DeadLetter(
        reason=reason,
        error_class=type(error).__name__ if error is not None else "",
        message=str(error) if error is not None else reason,
        topic=topic,
        partition=raw.partition,
        offset=raw.offset,
        original_key=raw.key,
        attempts=attempts,
        time=datetime.now(UTC),
    )


def _fingerprint(job: Job, sent: bool) -> str | None:
    """`contact.purchase`; a part that was not sent keeps what the row had."""
    old = (job.row.fingerprint if job.row is not None else None) or "."
    if not sent or job.fingerprint is None:
        return old if old != "." else None
    contact, purchase = job.fingerprint.split(".")
    return f"{contact}.{purchase or old.split('.')[-1]}"
