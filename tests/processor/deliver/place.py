"""Deliver between fake neighbours, SALESmanago played in memory: threads and clock by hand, or real ones."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from clients import (
    BackpressureError,
    RetriableError,
)
from processor.circuit_breaker import CircuitBreaker
from processor.deliver.lease import Lease
from processor.deliver.requests import Requests
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Limits
from processor.ending import Ending
from processor.job import Job
from processor.values import Intent, Released
from tests.processor.by_hand import Threads, by_hand
from tests.processor.deliver.attempts import Sales, a_job, decided

NOT_SENT = BackpressureError("nobody listens", api="SALESmanago")
NO_ANSWER = RetriableError("no answer", api="SALESmanago")


class Place:
    """Deliver between fake neighbours, and what it handed on."""

    def __init__(self, api: Any, clock: Callable[[], float], threads: int = 4, **over: Any) -> None:
        lease = Lease(10_000, clock)
        limits = replace(Limits(threads, 20, 10, 20), **over)
        self.breaker = CircuitBreaker("SALESmanago", proven=True)
        self.clock = clock
        self.deliver = Deliver(Requests(api, lease, limits, clock), self.breaker, limits, clock, lambda: 1.0)
        self.ended: dict[int, Ending] = {}
        self.released: list[Job] = []
        self.intents: list[Intent] = []

    def poll(self) -> None:
        self.take(self.deliver.poll(self.clock()))

    def take(self, values: Any) -> None:
        for value in values:
            if isinstance(value, Intent):
                self.intents.append(value)
            elif isinstance(value, Released):
                self.released.append(value.job)
            else:
                assert value.job.order_id not in self.ended
                self.ended[value.job.order_id] = value

    def intend(self, began: float | None = None) -> None:
        """All intents are in Kafka, by a transaction that was begun just now."""
        intents, self.intents = self.intents, []
        for intent in intents:
            self.deliver.intended(intent, self.clock() if began is None else began)


class Hand(Place):
    """One whose clock and threads are the test's."""

    def __init__(self, threads: Threads, number: int, **over: Any) -> None:
        self.now, self.sales, self.threads = 1000.0, Sales(), threads
        super().__init__(self.sales, lambda: self.now, number, **over)

    def submit(self, *order_ids: int, email: str = "", partition: int = 0, purchase: bool = True) -> None:
        for order_id in order_ids:
            job = a_job(order_id, partition=partition)
            self.deliver.submit(decided(job, email or f"m{order_id}@x.pl", purchase))

    def poll(self, seconds: float = 0.0) -> None:
        self.now += seconds
        super().poll()

    def answer(self) -> None:
        """All calls under way end."""
        self.threads.run_all()
        self.take(self.deliver.join(self.now, 0.0))

    def turn(self, turns: int = 1, seconds: float = 0.0) -> None:
        for _ in range(turns):
            self.poll(seconds)
            self.answer()
            self.intend()

    def revoke(self, *partitions: int) -> None:
        self.deliver.revoke(set(partitions))
        self.take(self.deliver.join(self.now, 0.0))


@contextmanager
def hand(threads: int = 4, **over: Any) -> Iterator[Hand]:
    with by_hand("processor.deliver.pool") as pool:
        yield Hand(pool, threads, **over)


@contextmanager
def real(intent_seconds: float = 10.0, attempts: int = 20, **calls: Any) -> Iterator[Place]:
    """One with real threads, which are ended."""
    reads = ("contacts_by_email", "contacts_by_id", "account_contacts_by_email", "account_contacts_by_id")
    nothing: dict[str, Any] = dict.fromkeys(reads, lambda values: [])
    api: Any = SimpleNamespace(**{**nothing, **calls})
    place = Place(api, time.monotonic, intent_seconds=intent_seconds, attempts=attempts)
    try:
        yield place
    finally:
        place.deliver.close()


def turn_until(place: Place, true: Callable[[], bool], at_least_intents: int = 1) -> None:
    """Turn the loop; intents are written at once when there are so many."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "it did not come"
        place.poll()
        place.take(place.deliver.join(time.monotonic(), 0.01))
        if len(place.intents) >= at_least_intents:
            place.intend()
            at_least_intents = 1
