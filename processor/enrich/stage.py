"""From jobs to orders read: one batch at a time, on a thread of its own, so that polling never waits.

A refused batch is halved until the refused order is alone: then BaseLinker is asked something harmless, and only if
that is answered the refusal speaks against the order.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from clients import ApiError, BackpressureError, FatalError, PacerClosed, RejectedError
from processor.circuit_breaker import CircuitBreaker
from processor.decide.rules import Enriched, RuleSettings
from processor.ending import Ending
from processor.enrich.missing_orders import MissingOrders
from processor.job import Job
from processor.partition import Partition
from processor.redact import nameless
from processor.values import Read
from runtime.logging import get_logger
from schemas.records import Outcome

BATCH_ORDERS = 500
GROW_AFTER = 10
LOOK_UPS_A_BATCH = 5  # phone look-ups; the orders beyond them wait for the next batch
REFUSED_FIRST_SECONDS, REFUSED_LONGEST_SECONDS = 0.5, 10.0

log = get_logger(__name__)


class Orders(Protocol):
    """What reads orders; `Enricher`, on the reading thread."""

    rules: RuleSettings

    @property
    def answers(self) -> int:
        """How many of BaseLinker's answers it had, over all calls."""

    @property
    def shown_at(self) -> float | None:
        """When BaseLinker showed any order last."""

    def enrich(self, order_ids: Sequence[int], most_look_ups: int | None = None) -> dict[int, Enriched]:
        """Return orders by id; those that are left out must be asked for again."""

    def forget(self, order_id: int) -> None:
        """Read this order again, even where a failed call had read it already."""

    def greet(self) -> None:
        """Make one harmless request: FatalError when the token is refused."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A job that has no order yet. `attempts` = refusals that speak against this order."""

    job: Job
    attempts: int = 0
    asked: bool = False
    alone: bool = False
    missing_since: float | None = None


_Then = Callable[[float, BaseException | None], Iterator[Read | Ending]]  # what an answer leads to


class Enrich:
    """`attempts` = refusals after which an order is a dead letter."""

    def __init__(
        self,
        orders: Orders,
        breaker: CircuitBreaker,
        missing: MissingOrders,
        attempts: int,
        executor: Executor | None = None,
    ) -> None:
        self._orders, self.breaker, self._missing, self._attempts = orders, breaker, missing, attempts
        self._thread = executor if executor is not None else ThreadPoolExecutor(1, thread_name_prefix="read")
        self._pending: dict[int, _Pending] = {}  # by order id; whoever is not here was dropped
        self._ready: list[_Pending] = []
        self._later: list[tuple[float, int, _Pending]] = []
        self._tick = itertools.count()
        self._batch: tuple[Future[dict[int, Enriched]], list[_Pending]] | None = None
        self._question: tuple[Future[None], _Then] | None = None
        self._now = 0.0
        self._most = BATCH_ORDERS  # fewer after a refusal, until some batches in a row went well
        self._in_a_row = 0
        self._answers = 0
        self._outdated = False
        self._assigned: set[int] = set()

    @property
    def room(self) -> int:
        """How many jobs it takes now: none while a batch is being read, or BaseLinker must not be asked."""
        if self._batch is not None or self._question is not None or not self.breaker.admits(self._now, 0):
            return 0
        return max(0, self._most - len(self._ready))

    @property
    def retrying(self) -> int:
        """How many orders were refused, or not shown, and are asked for again."""
        return sum(one.attempts > 0 or one.missing_since is not None for one in self._pending.values())

    def assign(self, partition: Partition) -> None:
        """Only with partitions there is a share of the requests; the first of them lets the token be tried."""
        self._assigned.add(partition.number)
        self._missing.orders_known = self._missing.orders_known or partition.rows > 0

    def use(self, rules: RuleSettings) -> None:
        """Read by these rules from now on; what is being read is read again, for they say what must be known."""
        self._orders.rules = rules
        self._outdated = self._batch is not None

    def submit(self, item: Job) -> None:
        """Take a job in."""
        self._pending[item.order_id] = pending = _Pending(item)
        self._ready.append(pending)

    def poll(self, now: float) -> Iterator[Read | Ending]:
        """Start the next batch, and hand on what was read; NeedsOperator when the token is refused."""
        self._now = now
        self._start(now)
        yield from self._collect(now)

    def revoke(self, partitions: Set[int]) -> None:
        """Drop the jobs of these partitions; what is being read for them goes unheard."""
        self._assigned -= partitions
        self._pending = {key: one for key, one in self._pending.items() if one.job.partition not in partitions}
        self._ready = [one for one in self._ready if self._wanted(one)]

    def close(self) -> None:
        """Start nothing more; a look-up under way ends by itself, unheard."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # ---- starting

    def _start(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            pending = heapq.heappop(self._later)[2]
            if self._wanted(pending):
                self._ready.append(pending)
        if self._batch is not None or self._question is not None:
            return
        if self.breaker.probe_due(now):
            self.breaker.probing(now)
            self._ask(self._probed)
        elif self.breaker.admits(now, 0) and self._assigned and not self.breaker.proven:
            self._ask(self._greeted)
        elif self.breaker.admits(now, 0) and self._ready:
            self._read()

    def _read(self) -> None:
        batch = sorted(self._ready, key=lambda one: one.job.log_id)[: self._most]
        batch = next(([one] for one in batch if one.alone), batch)
        taken = set(map(id, batch))
        self._ready = [one for one in self._ready if id(one) not in taken]
        self._answers, self._outdated = self._orders.answers, False
        for one in batch:
            if not one.asked:  # what a failed call read of this order may be older than the job's entries
                self._orders.forget(one.job.order_id)
            one.asked = True
        ids = [one.job.order_id for one in batch]
        self._batch = self._thread.submit(self._orders.enrich, ids, LOOK_UPS_A_BATCH), batch

    def _ask(self, then: _Then) -> None:
        self._answers = self._orders.answers
        self._question = self._thread.submit(self._orders.greet), then

    # ---- answers

    def _collect(self, now: float) -> Iterator[Read | Ending]:
        if self._question is not None and self._question[0].done():
            answer, then = self._question
            self._question = None
            error = answer.exception()
            if not isinstance(error, PacerClosed):
                yield from then(now, error)
        if self._batch is None or not self._batch[0].done():
            return
        future, batch = self._batch
        self._batch = None
        batch = [one for one in batch if self._wanted(one)]
        error = future.exception()
        if error is not None:
            self._failed(now, batch, error)
            return
        self._succeeded()
        found = {} if self._outdated else future.result()
        self._ready += [one for one in batch if one.job.order_id not in found]
        for one in batch:
            one.alone = False
            if one.job.order_id in found:
                yield from self._found(now, one, found[one.job.order_id])

    def _found(self, now: float, pending: _Pending, enriched: Enriched) -> Iterator[Read]:
        if enriched.order is None:
            pending.missing_since = pending.missing_since or now
            waiting = sum(one.missing_since is not None for one in self._pending.values())
            seconds = self._missing.again_in(now - pending.missing_since, waiting, now, self._orders.shown_at)
            if seconds is not None:
                self._wait(now + seconds, pending)
                return
        del self._pending[pending.job.order_id]
        yield Read(pending.job, enriched)

    def _greeted(self, now: float, error: BaseException | None) -> Iterator[Read | Ending]:
        if error is None:
            self.breaker.succeeded()
        else:
            self._failed(now, [], error)
        yield from ()

    def _probed(self, now: float, error: BaseException | None) -> Iterator[Read | Ending]:
        if error is None:
            log.info("the API answers again: continuing", api=self.breaker.name)
            self.breaker.recovered()
        elif isinstance(error, FatalError):
            log.error("paused", api=self.breaker.name, why=str(error))
        yield from ()

    def _succeeded(self) -> None:
        self.breaker.succeeded()
        self._in_a_row += 1
        if self._in_a_row >= GROW_AFTER:
            self._most, self._in_a_row = min(BATCH_ORDERS, self._most * 2), 0

    def _failed(self, now: float, batch: list[_Pending], error: BaseException) -> None:
        error = nameless(error)
        if self._orders.answers > self._answers:  # it got somewhere: the next pause is a short one
            self.breaker.succeeded()
        self._answers = self._orders.answers
        self._ready += batch
        if isinstance(error, FatalError):
            self.breaker.stop(now, str(error))
        elif isinstance(error, BackpressureError):
            at = error.retry_at
            self.breaker.pushed_back(now, max(0.0, at.timestamp() - time.time()) if at else None, str(error))
        elif _is_refusal(error) and len(batch) == 1:
            self._ready.remove(batch[0])
            self._who_is_refused(batch[0], error)
            return
        elif _is_refusal(error) and batch:
            self._most, self._in_a_row = max(1, len(batch) // 2), 0
        else:
            self.breaker.pushed_back(now, None, str(error))
        log.warning("BaseLinker did not answer the look-up; trying again", error=str(error), orders=len(batch))

    def _who_is_refused(self, pending: _Pending, error: BaseException) -> None:
        """Ask something harmless: is it this order that BaseLinker refuses, or everything?"""
        pending.alone = True

        def then(now: float, other: BaseException | None) -> Iterator[Read | Ending]:
            if not self._wanted(pending):
                return
            if other is None:
                self.breaker.succeeded()
                yield from self._refused(now, pending, error)
            elif _is_refusal(nameless(other)):
                self.breaker.pushed_back(now, None, str(nameless(other)))
                self._ready.append(pending)
            else:
                self._failed(now, [pending], other)

        self._ask(then)

    def _refused(self, now: float, pending: _Pending, error: BaseException) -> Iterator[Ending]:
        """BaseLinker answers, but not about this order: perhaps only for a moment."""
        pending.attempts += 1
        if pending.attempts < self._attempts:
            pause = min(REFUSED_LONGEST_SECONDS, REFUSED_FIRST_SECONDS * 2 ** min(pending.attempts - 1, 10))
            self._wait(now + pause, pending)
            return
        job = pending.job
        del self._pending[job.order_id]
        cause = error if isinstance(error, Exception) else None
        yield Ending(
            job, Outcome.DEAD, "order_refused", error=cause, attempts=pending.attempts, settle_until=job.settle_until
        )

    def _wait(self, at: float, pending: _Pending) -> None:
        heapq.heappush(self._later, (at, next(self._tick), pending))

    def _wanted(self, pending: _Pending) -> bool:
        return self._pending.get(pending.job.order_id) is pending


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, RejectedError) or not isinstance(error, ApiError | PacerClosed)
