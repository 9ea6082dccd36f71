"""Slow cards and a slow Kafka make purchases late, and stall none: deliver on a simulated clock."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from processor.circuit_breaker import CircuitBreaker
from processor.deliver.attempt import Attempt
from processor.deliver.lease import Lease
from processor.deliver.requests import Call, Requests
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Limits
from processor.ending import Ending
from processor.values import Intent
from tests.processor.deliver.attempts import Sales, a_job, decided

CALL_SECONDS, LONGEST_SECONDS = 0.1, 7200.0


class Simulation:
    """A look takes `cards` seconds, a transaction `kafka` seconds, and there is one transaction at a time."""

    def __init__(self, cards: float, kafka: float, threads: int = 4) -> None:
        self.cards, self.kafka, self.now = cards, kafka, 1000.0
        self.events: list[tuple[float, int, Callable[[], Any]]] = []
        self.tick = itertools.count()
        self.sales, self.seconds = Sales(), CALL_SECONDS
        self.intents: list[Intent] = []
        self.writing = False
        self.ended: list[Ending] = []
        limits, clock = Limits(threads, 20, 10, 20), lambda: self.now
        requests = _Requests(self, self.sales, Lease(10**9, clock), limits, clock)
        self.deliver = Deliver(requests, CircuitBreaker("SALESmanago", proven=True), limits, clock, lambda: 1.0)

    def submit(self, work: Callable[[], Any]) -> "Future[Any]":
        """Begin a call, as the pool's executor."""
        self.after(self.seconds, work)
        self.seconds = CALL_SECONDS
        return Future()

    def after(self, seconds: float, work: Callable[[], Any]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.tick), work))

    def run(self, orders: int) -> None:
        for order_id in range(1, orders + 1):
            self.deliver.submit(decided(a_job(order_id), f"m{order_id}@x.pl"))
        until = self.now + LONGEST_SECONDS
        while len(self.ended) < orders and self.now < until:
            self._turn()
            at = [self.events[0][0]] if self.events else []
            at += [self.deliver._timers[0][0]] if self.deliver._timers else []
            self.now = max(self.now, min(at, default=self.now + 0.1))
            while self.events and self.events[0][0] <= self.now:
                heapq.heappop(self.events)[2]()

    def _turn(self) -> None:
        for value in self.deliver.poll(self.now):
            if isinstance(value, Intent):
                self.intents.append(value)
            elif isinstance(value, Ending):
                self.ended.append(value)
        if self.intents and not self.writing:
            intents, self.intents, self.writing, began = self.intents, [], True, self.now
            self.after(self.kafka, lambda: self._written(intents, began))

    def _written(self, intents: Sequence[Intent], began: float) -> None:
        self.writing = False
        for intent in intents:
            self.deliver.intended(intent, began)


class _Requests(Requests):
    def __init__(self, simulation: Simulation, *given: Any) -> None:
        super().__init__(*given)
        self._simulation = simulation

    def looks(self, attempts: Sequence[Attempt]) -> Call:
        self._simulation.seconds = self._simulation.cards
        return super().looks(attempts)


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Simulation]]:
    made: list[Simulation] = []
    monkeypatch.setattr("processor.deliver.pool.ThreadPoolExecutor.submit", lambda _, work: made[-1].submit(work))

    def make(cards: float, kafka: float, **over: Any) -> Simulation:
        made.append(Simulation(cards, kafka, **over))
        return made[-1]

    yield make
    for one in made:
        one.deliver.close()


@pytest.mark.parametrize("orders", [1, 3, 40])
@pytest.mark.parametrize(
    ("cards", "kafka"),
    [(0.1, 0.1), (0.1, 5.0), (0.1, 7.5), (1.0, 7.5), (3.0, 4.9), (4.0, 4.5), (5.0, 3.1), (5.0, 5.0), (6.0, 0.1),
     (9.0, 0.1), (9.0, 3.0), (9.0, 7.0), (30.0, 3.0)],
)  # fmt: skip
def test_every_purchase_is_created_once_however_slow_the_cards_and_kafka_are(
    simulate: Callable[..., Simulation], cards: float, kafka: float, orders: int
) -> None:
    here = simulate(cards, kafka)
    here.run(orders)
    assert [ending.reason for ending in here.ended] == ["created"] * orders
    assert {here.sales.created(order_id) for order_id in range(1, orders + 1)} == {1}
    assert all(ending.attempts == 0 for ending in here.ended)
