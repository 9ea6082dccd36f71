"""From decision to SALESmanago: contact, intent, look, purchase. Intend, wait if you must, look, create.

The main thread owns all state; the pool's threads only call. A job's way (docs/guarantees.md):
UPSERT → INTEND (a row in Kafka, by the recorder) → [wait] → LOOK → CREATE; or UPSERT → UPDATE when its event is known.
"""

import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from clients import (
    BackpressureError,
    ContactGone,
    EventGone,
    FatalError,
    RejectedError,
    RetriableError,
    SalesManago,
)
from processor.gate import Gate
from processor.jobs import WRITES_EVENT, Job, Step
from processor.lanes import Lanes
from processor.lease import Lease, LeaseLost
from processor.look import CARDS_A_CALL, Ask, Seen, has_newer_purchase, look
from processor.mapping import lane_key
from runtime.logging import get_logger
from schemas.records import Outcome

LOOK_AGE_SECONDS = 10.0
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 30.0

log = get_logger(__name__)


class LookTooOld(Exception):
    """The look was made too long ago to create on it: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A job's outcome, for the recorder."""

    outcome: Outcome
    reason: str
    event_id: str | None = None
    contact_id: str | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """`settle_seconds` counts from the end of a create's time-out; `attempts` are retriable failures."""

    threads: int
    attempts: int
    create_timeout_seconds: float
    settle_seconds: float


@dataclass(frozen=True, slots=True)
class _Reply:
    jobs: tuple[Job, ...]
    step: Step
    value: Any
    error: BaseException | None


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
        self._api, self.gate, self._lease, self._limits, self._clock, self._end = api, gate, lease, limits, clock, end
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="deliver")
        self._replies: SimpleQueue[_Reply] = SimpleQueue()
        self._lanes = Lanes()
        self._runnable: deque[Job] = deque()
        self._looks: deque[Job] = deque()
        self._timers: list[tuple[float, int, Job]] = []
        self._tick = itertools.count()
        self._in_flight = 0
        self.to_intend: list[Job] = []
        self.halted = False  # dead letters storm: nothing goes on but `only`, as a probe
        self.only: Job | None = None

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._in_flight

    def enter(self, job: Job) -> None:
        """Queue a decided job behind those of the same contact."""
        assert job.send is not None
        job.step = Step.LANE
        if self._lanes.enter(lane_key(job.send.contact.email), job):
            self._begin(job)

    def intended(self, jobs: list[Job]) -> None:
        """The intents of these jobs are in Kafka: look next, after the wait where one is due."""
        for job in jobs:
            job.intended = True
            self._look_at(job, job.settle_until)

    def advance(self) -> None:
        """Start every call that may start now."""
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            self._schedule(heapq.heappop(self._timers)[2])
        while self._looks and self._may_call(now):
            batch = self._look_batch()
            if batch:
                for job in batch:
                    job.looked_at = now  # a look is as old as its question
                asks = [_ask(job) for job in batch]
                self._call(tuple(batch), Step.LOOK, partial(look, self._api, asks))
        for _ in range(len(self._runnable)):
            if not self._may_call(now):
                return
            job = self._runnable.popleft()
            if job.abandoned:
                continue
            if self.halted and job is not self.only:
                self._runnable.append(job)
                continue
            self._run(job)

    def collect(self, seconds: float) -> int:
        """Handle replies; wait up to so many seconds for the first."""
        count = 0
        while True:
            try:
                reply = self._replies.get(timeout=seconds) if count == 0 and seconds > 0 else self._replies.get_nowait()
            except Empty:
                return count
            count += 1
            self._in_flight -= 1
            for job in reply.jobs:
                job.in_call = False
            self._handle(reply)

    def abandon(self, jobs: list[Job]) -> None:
        """Take jobs out; a lane whose call is under way is freed by its reply."""
        for job in jobs:
            if not job.in_call:
                self._leave(job)
        self.to_intend = [job for job in self.to_intend if not job.abandoned]

    def shut(self) -> None:
        """Wait for the calls under way (each has its time-out) and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def probe(self, done: Callable[[BaseException | None], None]) -> None:
        """Ask SALESmanago who we are; `done` is called on the main thread."""
        self._probe_done = done
        self._call((), Step.WAITING, self._api.users)

    # ---- starting

    def _may_call(self, now: float) -> bool:
        return self._in_flight < self._limits.threads and self.gate.admits(now, self._in_flight)

    def _begin(self, job: Job) -> None:
        assert job.send is not None
        if job.late:
            job.step = Step.PRELOOK
        elif job.row is not None and self._contact_known(job):
            job.contact_id = job.row.contact_id
            self._after_contact(job)
            return
        else:
            job.step = Step.UPSERT
        self._runnable.append(job)

    def _contact_known(self, job: Job) -> bool:
        """The same contact was sent before, and no purchase has to be created on it."""
        row, send = job.row, job.send
        if row is None or send is None or row.fingerprint is None or job.fingerprint is None or not row.contact_id:
            return False
        same = row.fingerprint.split(".")[0] == job.fingerprint.split(".")[0]
        return same and not job.forced and (send.purchase is None or row.event_id is not None)

    def _run(self, job: Job) -> None:
        send, contact_id = job.send, job.contact_id
        assert send is not None
        if job.step is Step.PRELOOK:
            email, date = send.contact.email, send.purchase.date if send.purchase else datetime.now(UTC)
            self._call((job,), job.step, lambda: has_newer_purchase(self._api, email, job.order_id, date))
        elif job.step is Step.UPSERT:
            contact = replace(_bare(send.contact), tags=send.contact.tags) if job.keep_fields else send.contact
            self._call((job,), job.step, lambda: self._api.upsert_contact(contact))
        elif job.step is Step.CREATE:
            assert contact_id is not None and send.purchase is not None
            event, looked_at = send.purchase, job.looked_at
            self._call(
                (job,), job.step, lambda: self._api.add_event(contact_id, event, before_write=self._guard(looked_at))
            )
        elif job.step is Step.UPDATE:
            assert contact_id is not None and send.purchase is not None and job.event_id
            event, event_id = send.purchase, job.event_id
            self._call(
                (job,),
                job.step,
                lambda: self._api.update_event(contact_id, event_id, event, before_write=self._lease.check),
            )

    def _guard(self, looked_at: float) -> Callable[[], None]:
        def check() -> None:
            self._lease.check()
            if self._clock() - looked_at > LOOK_AGE_SECONDS:
                raise LookTooOld

        return check

    def _call(self, jobs: tuple[Job, ...], step: Step, call: Callable[[], Any]) -> None:
        def work() -> None:
            try:
                self._replies.put(_Reply(jobs, step, call(), None))
            except BaseException as error:
                self._replies.put(_Reply(jobs, step, None, error))

        for job in jobs:
            job.in_call = True
        self._in_flight += 1
        self._pool.submit(work)

    def _look_batch(self) -> list[Job]:
        """Up to 50 orders; those whose look failed before go in smaller company, so that one cannot stall many."""
        batch: list[Job] = []
        while self._looks and len(batch) < CARDS_A_CALL:
            job = self._looks[0]
            if job.abandoned:
                self._looks.popleft()
                continue
            room = CARDS_A_CALL if job.attempts == 0 else max(1, 8 >> job.attempts)
            if batch and len(batch) >= room:
                break
            batch.append(self._looks.popleft())
            if room == 1:
                break
        return batch

    def _schedule(self, job: Job) -> None:
        if job.abandoned:
            return
        (self._looks if job.step is Step.LOOK else self._runnable).append(job)

    def _later(self, job: Job, at: float) -> None:
        heapq.heappush(self._timers, (at, next(self._tick), job))

    def _look_at(self, job: Job, at: float) -> None:
        job.step = Step.LOOK
        if at > self._clock():
            self._later(job, at)
        else:
            self._looks.append(job)

    def _leave(self, job: Job) -> None:
        following = self._lanes.leave(job)
        while following is not None and following.abandoned and not following.in_call:
            following = self._lanes.leave(following)
        if following is not None and following.step is Step.LANE:
            self._begin(following)

    # ---- replies

    def _handle(self, reply: _Reply) -> None:
        error = reply.error
        if not reply.jobs:
            self._probe_done(error)
            return
        if error is None:
            self.gate.succeeded()
            if reply.step is Step.LOOK:
                for job in reply.jobs:
                    self._looked(job, reply.value[job.order_id])
            else:
                self._advanced(reply.jobs[0], reply.step, reply.value)
            return
        counts = self._note_failure(error)
        for job in reply.jobs:
            if job.abandoned:
                self._leave(job)
            else:
                self._failed(job, reply.step, error, counts)

    def _note_failure(self, error: BaseException) -> bool:
        """Tell the gate; True when the failure counts as an attempt."""
        now = self._clock()
        if isinstance(error, FatalError):
            self.gate.stop(now, str(error))
            return False
        if isinstance(error, BackpressureError):
            at = error.retry_at
            self.gate.pushed_back(now, max(0.0, at.timestamp() - time.time()) if at else None, str(error))
            return False
        if isinstance(error, LeaseLost):
            return False
        if isinstance(error, LookTooOld):
            return True
        if isinstance(error, RejectedError):
            self.gate.succeeded()
            return True
        return self.gate.failed(now, type(error).__name__)

    def _advanced(self, job: Job, step: Step, value: Any) -> None:
        assert job.send is not None
        if job.abandoned and step not in WRITES_EVENT:
            self._leave(job)
            return
        if step is Step.PRELOOK:
            job.keep_fields, job.step = bool(value), Step.UPSERT
            self._runnable.append(job)
        elif step is Step.UPSERT:
            job.contact_id = value
            self._after_contact(job)
        elif step is Step.CREATE:
            self._finish(job, Ending(Outcome.DELIVERED, "created", value, job.contact_id))
        elif step is Step.UPDATE:
            self._finish(job, Ending(Outcome.DELIVERED, "updated", value or job.event_id, job.contact_id))

    def _after_contact(self, job: Job) -> None:
        send, row = job.send, job.row
        assert send is not None
        if send.purchase is None:
            self._finish(job, Ending(Outcome.DELIVERED, "contact", job.event_id, job.contact_id))
        elif row is not None and row.event_id is not None:
            ours, theirs = (job.fingerprint or "").split(".")[-1], (row.fingerprint or "").split(".")[-1]
            if (ours == theirs and not job.forced) or not row.event_id:
                self._finish(job, Ending(Outcome.DELIVERED, "unchanged", row.event_id, row.contact_id))
            else:
                job.contact_id = row.contact_id or job.contact_id
                job.step = Step.UPDATE
                self._runnable.append(job)
        elif job.intended:
            self._look_at(job, job.settle_until)
        else:
            job.step = Step.INTEND
            self.to_intend.append(job)

    def _looked(self, job: Job, seen: Seen | RetriableError) -> None:
        if job.abandoned:
            self._leave(job)
        elif isinstance(seen, RetriableError):
            self._failed(job, Step.LOOK, seen, counts=True)
        elif seen.event_id is not None:
            if seen.count > 1:
                log.error("this order has several purchases in SALESmanago", order_id=job.order_id, count=seen.count)
            if job.forced and seen.event_id:
                job.known_event, job.contact_id, job.step = seen.event_id, seen.contact_id, Step.UPDATE
                self._runnable.append(job)
                return
            self._finish(job, Ending(Outcome.DELIVERED, "adopted", seen.event_id, seen.contact_id))
        elif job.attempts >= self._limits.attempts:
            self._finish(job, Ending(Outcome.DEAD, "gave_up", None, job.contact_id))
        else:
            job.step = Step.CREATE
            self._runnable.appendleft(job)

    def _failed(self, job: Job, step: Step, error: BaseException, counts: bool) -> None:
        """One failed step: what is safe next."""
        now = self._clock()
        if counts:
            job.attempts += 1
        if isinstance(error, EventGone):
            self._finish(job, Ending(Outcome.DEAD, "event_gone", job.event_id, job.contact_id, error))
            return
        if isinstance(error, ContactGone) and step is not Step.UPDATE and job.attempts < self._limits.attempts:
            job.step = Step.UPSERT
        elif isinstance(error, RejectedError):
            self._finish(job, Ending(Outcome.DEAD, "rejected", job.event_id, job.contact_id, error))
            return
        elif step is Step.CREATE:
            job.step = Step.LOOK  # always before another create
            if not isinstance(error, BackpressureError | FatalError | LeaseLost | LookTooOld) and not (
                isinstance(error, RetriableError) and not error.may_have_applied
            ):
                job.settle_until = now + self._limits.create_timeout_seconds + self._limits.settle_seconds
        elif job.attempts >= self._limits.attempts:
            wrapped = error if isinstance(error, Exception) else None
            self._finish(job, Ending(Outcome.DEAD, "gave_up", job.event_id, job.contact_id, wrapped))
            return
        else:
            job.step = step
        log.info(
            "a call failed; trying again",
            order_id=job.order_id,
            step=step.name.lower(),
            attempt=job.attempts,
            error=type(error).__name__,
        )
        wait = 0.0
        if counts:
            wait = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(job.attempts - 1, 10))
            wait *= random.uniform(0.5, 1.0)
        self._later(job, max(now + wait, job.settle_until if job.step is Step.LOOK else 0.0))

    def _finish(self, job: Job, ending: Ending) -> None:
        self._leave(job)
        self._end(job, ending)


def _ask(job: Job) -> Ask:
    assert job.send is not None and job.contact_id is not None
    earlier = job.row.contact_id if job.row is not None and job.row.contact_id != job.contact_id else None
    return Ask(job.order_id, job.send.contact.email, job.contact_id, earlier)


def _bare(contact: Any) -> Any:
    return type(contact)(email=contact.email)
