"""From decision to SALESmanago: lanes, timers, retries.

state_machine.py says what follows what, requests.py what is called. The main thread owns all state. Calls start while
the circuit breaker admits them; looks carry up to 50 orders each.
"""

import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Set

from clients import BackpressureError, FatalError, RejectedError, RetriableError
from processor.circuit_breaker import CircuitBreaker
from processor.decide.judge import Decided
from processor.decide.mapping import lane_key
from processor.deliver.attempt import Attempt, Step
from processor.deliver.cards import CARDS_A_CALL
from processor.deliver.existing_purchase import Seen
from processor.deliver.lanes import Lanes
from processor.deliver.pool import Pool, Reply
from processor.deliver.requests import Requests
from processor.deliver.state_machine import (
    Limits,
    Next,
    after_failure,
    after_intent,
    after_look,
    after_reply,
    begin,
    note_look,
)
from processor.ending import Ending
from processor.errors import LeaseLost, TooOld
from processor.values import Intent, Released
from runtime.logging import get_logger

LOOKS_AT_ONCE = 4  # cards of heavy contacts are large
NOT_SHOWN_SECONDS = 1800.0  # a card may be listed late: only after that its absence speaks against the order
REFUSED_KEYS = 3  # refusals of the key on one order, with an accepted probe after each: it is the order's
COMPANY, ALONE_AFTER = 8, 3  # after failures a look is shared by fewer: 8 >> failures
OPEN_A_THREAD = 4  # more between look and create would be too old before their turn comes
MOST_PARKED = 500

log = get_logger(__name__)


Out = Intent | Ending | Released


class Deliver:
    """`now` of the last poll is the time of everything that happens in between, except of calls that ended later."""

    def __init__(
        self,
        requests: Requests,
        breaker: CircuitBreaker,
        limits: Limits,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._requests, self.breaker, self._limits, self._chance = requests, breaker, limits, chance
        self._pool, self._lanes = Pool(limits.threads, clock), Lanes()
        self._attempts: set[Attempt] = set()
        self._starting: deque[Attempt] = deque()  # got their lane
        self._runnable: deque[Attempt] = deque()
        self._looks: deque[Attempt] = deque()
        self._timers: list[tuple[float, int, Attempt]] = []
        self._tick = itertools.count()
        self._open: set[Attempt] = set()  # looked at, and neither created nor ended
        self._out: deque[Out] = deque()
        self._now = 0.0
        self.held = False  # nothing may be called, because nothing can be recorded

    @property
    def room(self) -> int:
        """How many more orders it takes; those that wait for another try count."""
        return MOST_PARKED - len(self._timers)

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._pool.in_flight

    @property
    def parked(self) -> int:
        """Orders that wait for another try, or for the end of a wait."""
        return len(self._timers)

    @property
    def retrying(self) -> int:
        """Orders of which a call failed."""
        return sum(bool(attempt.failures or attempt.attempts) for attempt in self._attempts)

    def busy(self, partitions: Set[int]) -> bool:
        """Whether a call of one of these partitions is under way."""
        return any(attempt.in_call and attempt.job.partition in partitions for attempt in self._attempts)

    def submit(self, item: Decided) -> None:
        """Queue a decided job behind those of the same contact."""
        attempt = Attempt(item.job, item.send, item.fingerprint, settle_until=item.job.settle_until)
        self._attempts.add(attempt)
        if self._lanes.enter(lane_key(item.send.contact.email), attempt):
            self._starting.append(attempt)

    def intended(self, intent: Intent, began: float) -> None:
        """An intent is in Kafka, by a transaction begun at a time."""
        attempt = intent.attempt
        if not attempt.dropped:
            attempt.intended_at = began
            self._go(attempt, after_intent(attempt, self._now, self._limits))

    def poll(self, now: float) -> Iterator[Out]:
        """Start every call that may start now, and hand on what has ended; NeedsOperator when the key is refused."""
        self._now = now
        self._probe()
        while self._starting:
            attempt = self._starting.popleft()
            if not attempt.dropped and attempt.step is Step.LANE:
                self._go(attempt, begin(attempt))
        while self._timers and self._timers[0][0] <= now:
            attempt = heapq.heappop(self._timers)[2]
            if not attempt.dropped:
                self._place(attempt)
        if not self.held:
            self._start_looks()
            self._start_calls()
        yield from self.join(now, 0.0)

    def join(self, now: float, seconds: float) -> Iterator[Out]:
        """Hand on what has ended, without starting anything; wait up to so many seconds for the first reply."""
        self._now = now
        for reply in self._pool.replies(seconds):
            self._now = max(self._now, reply.at)  # the turn may have begun long ago: no wait may begin before its cause
            self._handle(reply)
        while self._out:
            yield self._out.popleft()

    def revoke(self, partitions: Set[int]) -> None:
        """Drop what has no call under way; what has one is dropped by the next revoke, after its reply."""
        for attempt in [one for one in self._attempts if one.job.partition in partitions and not one.in_call]:
            self._drop(attempt)
            if attempt.intended_contact is not None and not attempt.intent_stays:
                self._out.append(Released(attempt.job))
        self._forget_timers()

    def lose(self, partitions: Set[int]) -> None:
        """Drop everything of these partitions: replies go unheard."""
        for attempt in [one for one in self._attempts if one.job.partition in partitions]:
            self._drop(attempt)
        self._forget_timers()
        self._out = deque(out for out in self._out if out.job.partition not in partitions)

    def close(self) -> None:
        """Wait for the calls under way (each has its time-out) and end the threads."""
        self._pool.close()

    # ---- starting

    def _probe(self) -> None:
        if self.breaker.probe_due(self._now):
            self.breaker.probing(self._now)
            self._pool.start((), None, self._requests.who())

    def _may_call(self) -> bool:
        return self.in_flight < self._limits.threads and self.breaker.admits(self._now, self.in_flight)

    def _start_looks(self) -> None:
        while self._looks and self._pool.looking < LOOKS_AT_ONCE and self._may_call():
            batch = self._look_batch()
            if not batch:
                return
            for attempt in batch:
                attempt.looked_at = self._now  # a look is as old as its question
            self._open.update(batch)
            self._pool.start(tuple(batch), Step.LOOK, self._requests.looks(batch))

    def _look_batch(self) -> list[Attempt]:
        """Up to 50 orders; those whose look failed or was slow go in smaller company, so that one can't stall many."""
        batch: list[Attempt] = []
        most = min(CARDS_A_CALL, OPEN_A_THREAD * self._limits.threads - len(self._open))
        while self._looks and len(batch) < most:
            attempt = self._looks[0]
            if attempt.dropped:
                self._looks.popleft()
                continue
            room = 1 if attempt.slow_look else max(1, COMPANY >> attempt.failures) if attempt.failures else CARDS_A_CALL
            if batch and len(batch) >= room:
                break
            batch.append(self._looks.popleft())
            if room == 1:
                break
        return batch

    def _start_calls(self) -> None:
        while self._runnable and self._may_call():
            attempt = self._runnable.popleft()
            if not attempt.dropped:
                self._pool.start((attempt,), attempt.step, self._requests.of(attempt))

    def _go(self, attempt: Attempt, after: Next | Ending) -> None:
        """Let an attempt take its next step, or end."""
        if isinstance(after, Ending):
            self._drop(attempt)
            self._out.append(after)
            return
        attempt.step = after.step
        if after.step not in {Step.INTEND, Step.CREATE}:
            self._open.discard(attempt)
        if after.at > self._now:
            heapq.heappush(self._timers, (after.at, next(self._tick), attempt))
        else:
            self._place(attempt)

    def _place(self, attempt: Attempt) -> None:
        if attempt.step is Step.LOOK:
            self._looks.append(attempt)
        elif attempt.step is Step.INTEND:
            assert attempt.contact_id is not None
            attempt.intended_at, attempt.intended_contact = None, attempt.contact_id
            self._out.append(Intent(attempt.job, attempt.contact_id, attempt))
        elif attempt.step is Step.CREATE:
            self._runnable.appendleft(attempt)
        else:
            self._runnable.append(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """Take an attempt out; a lane whose call is under way is freed by its reply."""
        attempt.dropped = True
        self._open.discard(attempt)
        if attempt.in_call:
            return
        self._attempts.discard(attempt)
        following = self._lanes.leave(attempt)
        while following is not None and following.dropped and not following.in_call:
            following = self._lanes.leave(following)
        if following is not None:
            self._starting.append(following)

    def _forget_timers(self) -> None:
        """What was dropped takes no room any more."""
        self._timers = [one for one in self._timers if not one[2].dropped]
        heapq.heapify(self._timers)

    # ---- replies

    def _handle(self, reply: Reply) -> None:
        if reply.step is None:
            self._probed(reply.error)
        elif reply.error is None:
            self.breaker.succeeded()
            if reply.step is Step.LOOK:
                note_look(reply.attempts, self._now, self._limits)
            for attempt in reply.attempts:
                if attempt.dropped:
                    self._drop(attempt)
                elif reply.step is Step.LOOK:
                    self._looked(attempt, reply.value[attempt.job.order_id])
                else:
                    self._go(attempt, after_reply(attempt, reply.step, reply.value))
        else:
            self._refused(reply, reply.step, reply.error)

    def _refused(self, reply: Reply, step: Step, error: BaseException) -> None:
        if isinstance(error, RejectedError) and step is Step.LOOK and len(reply.attempts) > 1:
            self.breaker.succeeded()
            self._one_by_one(reply.attempts, error)
            return
        if isinstance(error, FatalError) and len(reply.attempts) == 1:
            reply.attempts[0].refused_keys += 1
            if reply.attempts[0].refused_keys > REFUSED_KEYS:
                error = RejectedError(str(error), api=error.api, code=error.code)
        counts = self._note_failure(error)
        for attempt in reply.attempts:
            if attempt.dropped:
                self._drop(attempt)
            else:
                self._failed(attempt, step, error, counts)

    def _one_by_one(self, attempts: tuple[Attempt, ...], error: RejectedError) -> None:
        """One question of many was refused: each is asked alone, so that the others do not die with it."""
        for attempt in attempts:
            if attempt.dropped:
                self._drop(attempt)
            else:
                attempt.failures = max(attempt.failures, ALONE_AFTER)
                log.info("a look at many was refused; looking alone", **attempt.job.log_fields, error=str(error))
                self._go(attempt, Next(Step.LOOK, attempt.settle_until))

    def _note_failure(self, error: BaseException) -> bool:
        """Tell the breaker; True when the failure speaks against its order."""
        now = self._now
        if isinstance(error, FatalError):
            self.breaker.stop(now, str(error))
            return False
        if isinstance(error, BackpressureError):
            at = error.retry_at
            self.breaker.pushed_back(now, max(0.0, at.timestamp() - time.time()) if at else None, str(error))
            return False
        if isinstance(error, LeaseLost | TooOld):
            return False
        if isinstance(error, RejectedError):
            self.breaker.succeeded()
            return True
        return self.breaker.failed(now, type(error).__name__)

    def _looked(self, attempt: Attempt, seen: Seen | RetriableError) -> None:
        if isinstance(seen, RetriableError):
            attempt.not_shown_since = attempt.not_shown_since or self._now
            counts = self._now - attempt.not_shown_since >= NOT_SHOWN_SECONDS
            self._failed(attempt, Step.LOOK, seen, counts)
            return
        attempt.not_shown_since = None
        if seen.count > 1:
            log.error("this order has several purchases in SALESmanago", **attempt.job.log_fields, count=seen.count)
        self._go(attempt, after_look(attempt, seen, self._now, self._limits))

    def _failed(self, attempt: Attempt, step: Step, error: BaseException, counts: bool) -> None:
        jitter = 0.5 + self._chance() / 2
        after = after_failure(attempt, step, error, counts, self._now, self._limits, jitter)
        if isinstance(after, Next) and not isinstance(error, LeaseLost | TooOld):
            log.info(
                "a call failed; trying again",
                step=step.name.lower(),
                attempt=attempt.attempts,
                **attempt.job.log_fields,
                error=type(error).__name__,
            )
        self._go(attempt, after)

    def _probed(self, error: BaseException | None) -> None:
        if error is None:
            log.info("the API answers again: continuing", api=self.breaker.name)
            self.breaker.recovered()
        elif isinstance(error, FatalError):
            log.error("paused", api=self.breaker.name, why=str(error))
