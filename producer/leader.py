"""Who leads: the member that owns the cursor topic's only partition. Also the place where waiting means polling."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.assignment_known import AssignmentKnown
from runtime.broker_watch import BrokerWatch
from runtime.cursor import read_cursor
from runtime.end_offsets import find_ends
from runtime.health import Health
from runtime.kafka import assign_paused, unassign
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
        word: AssignmentKnown,
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
        return self._word.known

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
        """Return the newest cursor row; Stopped, LeadLost, and as `runtime.cursor` has it."""
        consumer = self._make_consumer()
        try:
            return read_cursor(consumer, self._admin, self._topics, self._codec, self._leading_turn, math.inf)
        finally:
            consumer.close()

    def journal_has_entries(self, partitions: int) -> bool:
        """Whether anything was ever published to the journal topic."""
        return sum(find_ends(self._admin, self._topics.journal, range(partitions), 5.0).values()) > 0

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
        assign_paused(consumer, partitions, self._cooperative)
        self._word.assigned()
        if partitions:
            self._leads = True
            log.info("this producer leads now")

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._leads = False
            log.info("this producer stands by")
        unassign(consumer, partitions, self._cooperative)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._word.lost()
        self._on_revoke(consumer, partitions)
