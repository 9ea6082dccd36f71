"""From decision to SALESmanago: lanes, queues, retries; way.py says what follows what, calls.py what is called.

The main thread owns all state. Calls start while the gate admits them; looks carry up to 50 orders each.
"""

import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable

from clients import BackpressureError, FatalError, RejectedError, RetriableError, SalesManago
from processor.circuit_breaker import Gate
from processor.decide.mapping import lane_key
from processor.deliver.existing_purchase import CARDS_A_CALL, Seen
from processor.deliver.lanes import Lanes
from processor.deliver.lease import Lease, LeaseLost
from processor.deliver.pool import Pool, Reply
from processor.deliver.requests import Calls
from processor.deliver.state_machine import (
    Ending,
    Limits,
    Next,
    TooOld,
    after_failure,
    after_intent,
    after_look,
    after_reply,
    begin,
    note_look,
)
from processor.job import WRITES_EVENT, Job, Step
from runtime.logging import get_logger

LOOKS_AT_ONCE = 4  # cards of heavy contacts are large
NOT_SHOWN_SECONDS = 1800.0  # a card may be listed late: only after that its absence speaks against the order
REFUSED_KEYS = 3  # refusals of the key on one order, with an accepted probe after each: it is the order's
COMPANY, ALONE_AFTER = 8, 3  # after failures a look is shared by fewer: 8 >> failures
INTENTS_A_THREAD = 4  # more would be too old before their turn comes

log = get_logger(__name__)


class Deliver:
    """Lanes, pool, retries. `end` is called once per job, on the main thread."""

    def __init__(
        self,
        api: SalesManago,
        gate: Gate,
        lease: Lease,
        limits: Limits,
        clock: Callable[[], float],
        end: Callable[[Job, Ending], None],
    ) -> None:
        self.gate, self._limits, self._clock, self._end = gate, limits, clock, end
        self._calls, self._pool = Calls(api, lease, limits, clock), Pool(limits.threads)
        self._lanes = Lanes()
        self._runnable: deque[Job] = deque()
        self._looks: deque[Job] = deque()
        self._to_intend: deque[Job] = deque()
        self._timers: list[tuple[float, int, Job]] = []
        self._tick = itertools.count()
        self._starting: deque[Job] = deque()  # got their lane
        self._open_intents: set[Job] = set()  # taken to be intended, and neither created nor ended
        self.halted = False  # dead letters storm, or nothing can be recorded: nothing goes on but `only`, as a probe
        self.only: Job | None = None
        self._probe_done: Callable[[BaseException | None], None] = lambda _: None

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._pool.in_flight

    @property
    def parked(self) -> int:
        """Orders that wait for another try, or for the end of a wait."""
        return len(self._timers)

    @property
    def waiting(self) -> Job | None:
        """The next order with a call to make."""
        return next((job for job in self._runnable if not job.abandoned), None)

    def enter(self, job: Job) -> None:
        """Queue a decided job behind those of the same contact."""
        assert job.send is not None
        job.step = Step.LANE
        if self._lanes.enter(lane_key(job.send.contact.email), job):
            self._starting.append(job)

    def take_intents(self) -> list[Job]:
        """Return the jobs whose intents should be written now: few more than can be created before they are old."""
        taken: list[Job] = []
        while self._to_intend and len(self._open_intents) < INTENTS_A_THREAD * self._limits.threads:
            job = self._to_intend.popleft()
            if not job.abandoned:
                taken.append(job)
                self._open_intents.add(job)
        return taken

    def intended(self, jobs: list[Job], at: float) -> None:
        """The intents of these jobs are in Kafka, by a transaction begun at a time."""
        for job in jobs:
            if not job.abandoned:
                job.intended_at, job.intended_contact = at, job.contact_id
                self._go(job, after_intent(job, self._clock(), self._limits))

    def advance(self) -> None:
        """Start every call that may start now."""
        while self._starting:
            job = self._starting.popleft()
            if not job.abandoned and job.step is Step.LANE:
                self._go(job, begin(job))
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            job = heapq.heappop(self._timers)[2]
            if not job.abandoned:
                self._place(job)
        while self._looks and self._pool.looking < LOOKS_AT_ONCE and self._may_call(now):
            batch = self._look_batch()
            if batch:
                for job in batch:
                    job.looked_at = now  # a look is as old as its question
                self._pool.start(tuple(batch), Step.LOOK, self._calls.looks(batch))
        for _ in range(len(self._runnable)):
            if not self._may_call(now):
                return
            job = self._runnable.popleft()
            if job.abandoned:
                continue
            if self.halted and job is not self.only and not self._lanes.same(job, self.only):
                self._runnable.append(job)
                continue
            self._pool.start((job,), job.step, self._calls.of(job))

    def collect(self, seconds: float) -> int:
        """Handle replies; wait up to so many seconds for the first."""
        count = 0
        for reply in self._pool.replies(seconds):
            count += 1
            self._handle(reply)
        return count

    def abandon(self, jobs: list[Job]) -> None:
        """Take jobs out; a lane whose call is under way is freed by its reply."""
        for job in jobs:
            self._open_intents.discard(job)
            if not job.in_call:
                self._leave(job)

    def shut(self) -> None:
        """Wait for the calls under way (each has its time-out) and end the threads."""
        self._pool.shut()

    def probe(self, done: Callable[[BaseException | None], None]) -> None:
        """Ask SALESmanago who we are; `done` is called on the main thread."""
        self._probe_done = done
        self._pool.start((), Step.WAITING, self._calls.who())

    # ---- starting

    def _may_call(self, now: float) -> bool:
        return self.in_flight < self._limits.threads and self.gate.admits(now, self.in_flight)

    def _look_batch(self) -> list[Job]:
        """Up to 50 orders; those whose look failed or was slow go in smaller company, so that one cannot stall many."""
        batch: list[Job] = []
        while self._looks and len(batch) < CARDS_A_CALL:
            job = self._looks[0]
            if job.abandoned:
                self._looks.popleft()
                continue
            room = 1 if job.slow_look else max(1, COMPANY >> job.failures) if job.failures else CARDS_A_CALL
            if batch and len(batch) >= room:
                break
            batch.append(self._looks.popleft())
            if room == 1:
                break
        return batch

    def _go(self, job: Job, after: Next | Ending) -> None:
        """Let a job take its next step, or end."""
        if isinstance(after, Ending):
            self._drop(job)
            self._end(job, after)
            return
        job.step = after.step
        wait = after.at - self._clock()
        if after.step is Step.INTEND or wait > self._limits.intent_seconds:  # the old intent is of no use any more
            self._open_intents.discard(job)
            job.intended_at = None
        if wait > 0:
            heapq.heappush(self._timers, (after.at, next(self._tick), job))
        else:
            self._place(job)

    def _drop(self, job: Job) -> None:
        self._open_intents.discard(job)
        self._leave(job)

    def _place(self, job: Job) -> None:
        if job.step is Step.LOOK:
            self._looks.append(job)
        elif job.step is Step.INTEND:
            self._to_intend.append(job)
        elif job.step is Step.CREATE:
            self._runnable.appendleft(job)
        else:
            self._runnable.append(job)

    def _leave(self, job: Job) -> None:
        following = self._lanes.leave(job)
        while following is not None and following.abandoned and not following.in_call:
            following = self._lanes.leave(following)
        if following is not None:
            self._starting.append(following)

    # ---- replies

    def _handle(self, reply: Reply) -> None:
        error = reply.error
        if not reply.jobs:
            self._probe_done(error)
            return
        if error is None:
            self.gate.succeeded()
            if reply.step is Step.LOOK:
                note_look(reply.jobs, self._clock(), self._limits)
            for job in reply.jobs:
                if reply.step is Step.LOOK:
                    self._looked(job, reply.value[job.order_id])
                elif job.abandoned and reply.step not in WRITES_EVENT:
                    self._drop(job)
                else:
                    self._go(job, after_reply(job, reply.step, reply.value))
            return
        if isinstance(error, RejectedError) and reply.step is Step.LOOK and len(reply.jobs) > 1:
            self.gate.succeeded()
            self._one_by_one(reply.jobs, error)
            return
        if isinstance(error, FatalError) and len(reply.jobs) == 1:
            reply.jobs[0].refused_keys += 1
            if reply.jobs[0].refused_keys > REFUSED_KEYS:
                error = RejectedError(str(error), api=error.api, code=error.code)
        counts = self._note_failure(error)
        for job in reply.jobs:
            if job.abandoned:
                self._drop(job)
            else:
                self._failed(job, reply.step, error, counts)

    def _one_by_one(self, jobs: tuple[Job, ...], error: RejectedError) -> None:
        """One question of many was refused: each is asked alone, for the others shall not die with it."""
        for job in jobs:
            if job.abandoned:
                self._drop(job)
            else:
                job.failures = max(job.failures, ALONE_AFTER)
                log.info("a look at many was refused; looking alone", **job.told, error=str(error))
                self._go(job, Next(Step.LOOK, job.settle_until))

    def _note_failure(self, error: BaseException) -> bool:
        """Tell the gate; True when the failure speaks against its order."""
        now = self._clock()
        if isinstance(error, FatalError):
            self.gate.stop(now, str(error))
            return False
        if isinstance(error, BackpressureError):
            at = error.retry_at
            self.gate.pushed_back(now, max(0.0, at.timestamp() - time.time()) if at else None, str(error))
            return False
        if isinstance(error, LeaseLost | TooOld):
            return False
        if isinstance(error, RejectedError):
            self.gate.succeeded()
            return True
        return self.gate.failed(now, type(error).__name__)

    def _looked(self, job: Job, seen: Seen | RetriableError) -> None:
        if job.abandoned:
            self._drop(job)
            return
        if isinstance(seen, RetriableError):
            now = self._clock()
            job.not_shown_since = job.not_shown_since or now
            self._failed(job, Step.LOOK, seen, counts=now - job.not_shown_since >= NOT_SHOWN_SECONDS)
            return
        job.not_shown_since = None
        if seen.count > 1:
            log.error("this order has several purchases in SALESmanago", **job.told, count=seen.count)
        self._go(job, after_look(job, seen, self._clock(), self._limits))

    def _failed(self, job: Job, step: Step, error: BaseException, counts: bool) -> None:
        after = after_failure(job, step, error, counts, self._clock(), self._limits, random.uniform(0.5, 1.0))
        if isinstance(after, Next) and not isinstance(error, LeaseLost | TooOld):
            log.info(
                "a call failed; trying again",
                step=step.name.lower(),
                attempt=job.attempts,
                **job.told,
                error=type(error).__name__,
            )
        self._go(job, after)
