"""Who leads: the member that owns the cursor topic's only partition. Waiting means polling, so waiting is done here."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from threading import Event
from typing import TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.assignment_known import AssignmentKnown
from runtime.broker_watch import BrokerWatch
from runtime.health import Health
from runtime.kafka import assign_paused, unassign
from runtime.logging import get_logger

T = TypeVar("T")

log = get_logger(__name__)


class Stopped(Exception):
    """The program was asked to end."""


class LeadLost(Exception):
    """Another member leads now."""


class Leader:
    """The group membership. Every wait goes through here, so that the membership is kept and losses are seen."""

    def __init__(
        self,
        consumer: Consumer,
        known: AssignmentKnown,
        one_by_one: bool,
        broker: BrokerWatch,
        health: Health,
        stop: Event,
    ) -> None:
        self._consumer, self._known, self._one_by_one = consumer, known, one_by_one
        self._broker, self._health, self._stop = broker, health, stop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ask")
        self._leads = False

    def join(self, topic: str) -> None:
        """Join the group."""
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    @property
    def leads(self) -> bool:
        """Whether this member owns the partition."""
        return self._leads

    @property
    def answered(self) -> bool:
        """Whether the group has said who leads, be it another member."""
        return self._known.known

    def wait(self, seconds: float) -> None:
        """Poll for a while; Stopped."""
        self._poll_for(seconds, self._poll)

    def hold(self, seconds: float) -> None:
        """Poll for a while as the leader; Stopped, LeadLost."""
        self._poll_for(seconds, self.turn)

    def ask(self, call: Callable[[], T]) -> T:
        """Run a call on the asking thread while polling; Stopped and LeadLost abandon its answer."""
        future: Future[T] = self._pool.submit(call)
        while True:
            self.turn()
            try:
                return future.result(timeout=0.02)
            except NotYet:
                if future.done():
                    raise

    def turn(self) -> None:
        """Poll once as the leader; Stopped, LeadLost."""
        self._poll()
        if not self._leads:
            raise LeadLost("another producer has it")

    def close(self) -> None:
        """Leave the group."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._consumer.close()

    def _poll_for(self, seconds: float, poll: Callable[[], None]) -> None:
        until = time.monotonic() + seconds
        poll()
        while time.monotonic() < until:
            poll()

    def _poll(self) -> None:
        if self._stop.is_set():
            raise Stopped
        self._health.turn()
        self._broker.look()
        for message in self._consumer.consume(100, 0.08):
            error = message.error()
            if error is not None and error.fatal():
                raise KafkaException(error)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        assign_paused(consumer, partitions, self._one_by_one)
        self._known.assigned()
        if partitions:
            self._leads = True
            log.info("this producer leads now")

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._leads = False
            log.info("this producer stands by")
        unassign(consumer, partitions, self._one_by_one)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._known.lost()
        self._on_revoke(consumer, partitions)
