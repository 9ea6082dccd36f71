"""From waiting jobs to orders read: one batch at a time, on a thread of its own, so that polling never waits."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from clients import ApiError, BackpressureError, FatalError, PacerClosed, RejectedError
from processor.circuit_breaker import Gate
from processor.decide.rules import Enriched
from processor.enrich.enricher import Enricher
from processor.job import Job, Jobs, Step
from processor.redact import nameless
from runtime.logging import get_logger

BATCH_ORDERS = 500
LINGER_SECONDS = 0.3
GROW_AFTER = 10
LOOK_UPS_A_BATCH = 5  # phone look-ups; the orders beyond them wait for the next batch

log = get_logger(__name__)


class Read:
    """`decide` gets each job with its order, `reject` one that BaseLinker refuses while it answers others.

    Both on the main thread. A refused batch is halved until the refused order is alone: then BaseLinker is asked
    something harmless, and only if that is answered the refusal speaks against the order.
    """

    def __init__(
        self,
        enricher: Enricher,
        gate: Gate,
        jobs: Jobs,
        clock: Callable[[], float],
        decide: Callable[[Job, Enriched], None],
        reject: Callable[[Job, Exception], None],
        verified: Event,
    ) -> None:
        self._enricher, self.gate, self._jobs, self._clock = enricher, gate, jobs, clock
        self._decide, self._reject, self._verified = decide, reject, verified
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._reading: tuple[Future[dict[int, Enriched]], list[Job]] | None = None
        self._probe: tuple[Future[object], Callable[[BaseException | None], None]] | None = None
        self._alone: set[int] = set()
        self._most = BATCH_ORDERS  # fewer after a refusal, until some batches in a row went well
        self._in_a_row = 0
        self._answers = 0
        self._outdated = False
        self._waiting_since: float | None = None

    @property
    def shown_at(self) -> float | None:
        """When BaseLinker showed any order last."""
        return self._enricher.shown_at

    @property
    def busy(self) -> bool:
        """Whether a batch is being read."""
        return self._reading is not None or self._probe is not None

    def advance(self) -> None:
        """Take in what was read, and start the next batch when it is time."""
        self._collect()
        now = self._clock()
        if not self._jobs.waiting:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now
        if self.busy or not self.gate.admits(now, 0):
            return
        if len(self._jobs.waiting) < BATCH_ORDERS and now - self._waiting_since < LINGER_SECONDS:
            return
        batch = sorted(self._jobs.waiting, key=lambda job: job.log_id)[: self._most]
        alone = [job for job in batch if job.order_id in self._alone]
        batch = alone[:1] or batch
        taken = set(map(id, batch))
        for job in batch:
            if job.entries_read != len(job.entries):  # something new came since a try that failed half-way
                self._enricher.forget(job.order_id)
            job.entries_read, job.step = len(job.entries), Step.READING
        self._jobs.waiting = type(self._jobs.waiting)(job for job in self._jobs.waiting if id(job) not in taken)
        self._waiting_since = None
        self._answers = self._enricher.answers
        self._reading = (
            self._pool.submit(self._enricher.enrich, [job.order_id for job in batch], LOOK_UPS_A_BATCH),
            batch,
        )

    def outdate(self) -> None:
        """The rules changed: what is being read now is read again, for they say what must be known of an order."""
        self._outdated = self._reading is not None

    def greet(self) -> None:
        """Find out whether the token is accepted, unless that is known or a request is under way."""
        if not self._verified.is_set() and not self.busy and self.gate.admits(self._clock(), 0):
            self.probe(self._enricher.greet, self._greeted)

    def _greeted(self, error: BaseException | None) -> None:
        if error is None:
            self._verified.set()
            self.gate.succeeded()
        elif not isinstance(error, PacerClosed):
            self._failed([], error)

    def probe(self, call: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Run one call on the reading thread; `done` is called on the main thread."""
        self._probe = self._pool.submit(call), done

    def leave(self) -> None:
        """Start nothing more; a look-up under way ends by itself, unheard."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _collect(self) -> None:
        if self._probe is not None and self._probe[0].done():
            probe, done = self._probe
            self._probe = None
            done(probe.exception())
        if self._reading is None or not self._reading[0].done():
            return
        future, batch = self._reading
        self._reading = None
        outdated, self._outdated = self._outdated, False
        batch = [job for job in batch if not job.abandoned]
        error = future.exception()
        if error is None:
            self.gate.succeeded()
            self._verified.set()
            self._in_a_row += 1
            if self._in_a_row >= GROW_AFTER:
                self._most, self._in_a_row = min(BATCH_ORDERS, self._most * 2), 0
            if outdated:
                self._wait_on(batch)
                return
            found = future.result()
            for job in batch:
                self._alone.discard(job.order_id)
                if job.order_id in found:
                    self._decide(job, found[job.order_id])
            self._wait_on([job for job in batch if job.order_id not in found])
            return
        self._failed(batch, error)

    def _failed(self, batch: list[Job], error: BaseException) -> None:
        now, error = self._clock(), nameless(error)
        if self._enricher.answers > self._answers:  # it got somewhere: the next pause is a short one
            self.gate.succeeded()
        self._answers = self._enricher.answers
        if isinstance(error, FatalError):
            self.gate.stop(now, str(error))
        elif isinstance(error, BackpressureError):
            at = error.retry_at
            self.gate.pushed_back(now, max(0.0, at.timestamp() - time.time()) if at else None, str(error))
        elif isinstance(error, Exception) and _is_refusal(error):
            if len(batch) == 1:
                self._question(batch[0], error)
                return
            self._most, self._in_a_row = max(1, len(batch) // 2), 0
        else:
            self.gate.pushed_back(now, None, str(error))
        log.warning("BaseLinker did not answer the look-up; trying again", error=str(error), orders=len(batch))
        self._wait_on(batch)

    def _question(self, job: Job, error: Exception) -> None:
        """Find out against whom a refusal speaks."""
        self._alone.add(job.order_id)

        def done(other: BaseException | None) -> None:
            if job.abandoned or isinstance(other, PacerClosed):
                return
            if other is None:
                self.gate.succeeded()
                self._reject(job, error)
            elif _is_refusal(other):
                self.gate.pushed_back(self._clock(), None, str(other))
                self._wait_on([job])
            else:
                self._failed([job], other)

        self.probe(self._enricher.greet, done)

    def _wait_on(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.step = Step.WAITING
            job.join_followers()
        self._jobs.waiting.extend(jobs)


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, RejectedError) or not isinstance(error, ApiError)
