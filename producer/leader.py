"""Who leads: the member that owns the cursor topic's only partition. Also the place where waiting means polling."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from producer.publish import CURSOR_KEY
from runtime.assignment_known import GroupWord
from runtime.broker_watch import BrokerWatch
from runtime.end_offsets import find_ends
from runtime.health import Health
from runtime.kafka import give_back, take_paused
from runtime.logging import get_logger
from schemas.codec import Codec
from schemas.records import Cursor
from schemas.topics import Topics

T = TypeVar("T")

log = get_logger(__name__)


class Stopped(Exception):
    """The program was told to end."""


class LeadLost(Exception):
    """Another member leads now."""


class Leader:
    """The group membership. Every wait goes through here, so that the membership is kept and losses are seen."""

    def __init__(
        self,
        make_consumer: Callable[..., Consumer],
        word: GroupWord,
        admin: AdminClient,
        topics: Topics,
        codec: Codec,
        stopping: Callable[[], bool],
        health: Health,
        cooperative: bool,
    ) -> None:
        self._make_consumer, self._word = make_consumer, word
        self._admin, self._topics, self._codec = admin, topics, codec
        self._stopping, self._health, self._cooperative = stopping, health, cooperative
        self._broker = BrokerWatch(admin, topics.cursor, health, time.monotonic)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ask")
        self._leads = False
        self._consumer = make_consumer(**word.config())
        self._consumer.subscribe(
            [topics.cursor], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    @property
    def leads(self) -> bool:
        """Whether this member owns the cursor's partition."""
        return self._leads

    @property
    def answered(self) -> bool:
        """Whether the group has said who leads, be it another one."""
        return self._word.given

    def wait(self, seconds: float) -> None:
        """Poll for a while; Stopped when the program ends."""
        until = time.monotonic() + seconds
        self._turn()
        while time.monotonic() < until:
            self._turn()

    def hold(self, seconds: float) -> None:
        """Poll for a while as the leader; LeadLost at once when it is not any more."""
        until = time.monotonic() + seconds
        self._leading_turn()
        while time.monotonic() < until:
            self._leading_turn()

    def ask(self, call: Callable[[], T]) -> T:
        """Run a call on the asking thread while polling; Stopped and LeadLost give its answer up."""
        future: Future[T] = self._pool.submit(call)
        while True:
            self._leading_turn()
            try:
                return future.result(timeout=0.02)
            except NotYet:
                if future.done():
                    raise

    def read_cursor(self) -> Cursor | None:
        """Return the newest cursor row; the reading goes to the topic's true end, past open transactions.

        DecodeError when it can't be read; LeadLost.
        """
        end = self._ends(self._topics.cursor, 1)
        reader = self._make_consumer()
        newest: Cursor | None = None
        try:
            reader.assign([TopicPartition(self._topics.cursor, 0, OFFSET_BEGINNING)])
            while end > 0:
                self._leading_turn()
                for message in reader.consume(1000, 0.1):
                    error, value = message.error(), message.value()
                    offset = message.offset()
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF and offset is not None and offset >= end:
                            return newest
                    elif message.key() == CURSOR_KEY:
                        newest = self._codec.decode(value, Cursor) if isinstance(value, bytes) else None
            return newest
        finally:
            reader.close()

    def journal_has_entries(self, partitions: int) -> bool:
        """Whether anything was ever published to the journal topic."""
        return self._ends(self._topics.journal, partitions) > 0

    def _ends(self, topic: str, partitions: int) -> int:
        """Return the sum of a topic's end offsets."""
        return sum(find_ends(self._admin, topic, range(partitions), 5.0).values())

    def close(self) -> None:
        """Leave the group."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._consumer.close()

    def _leading_turn(self) -> None:
        self._turn()
        if not self._leads:
            raise LeadLost

    def _turn(self) -> None:
        if self._stopping():
            raise Stopped
        self._health.turn()
        self._broker.look()
        for message in self._consumer.consume(100, 0.08):
            error = message.error()
            if error is not None and error.fatal():
                raise KafkaException(error)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        take_paused(consumer, partitions, self._cooperative)
        self._word.told()
        if partitions:
            self._leads = True
            log.info("this producer leads now")

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._leads = False
            log.info("this producer stands by")
        give_back(consumer, partitions, self._cooperative)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._word.lost()
        self._on_revoke(consumer, partitions)
