"""Orders come, calls end, intents are acknowledged and partitions go in any order: what deliver keeps to throughout."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clients import BackpressureError, FatalError, RejectedError, RetriableError
from processor.circuit_breaker import CircuitBreaker
from processor.deliver.attempt import Attempt, Step
from processor.deliver.existing_purchase import Seen
from processor.deliver.requests import Call, Requests
from processor.deliver.stage import Deliver, Out
from processor.deliver.state_machine import Limits
from processor.job import Job
from processor.values import Intent, Released
from schemas.records import Outcome
from tests.harness.cases import cases
from tests.processor.by_hand import by_hand
from tests.processor.deliver.attempts import a_job, decided
from tests.processor.entries import row

PARTITIONS = st.sampled_from([0, 1])
ERRORS: list[BaseException | None] = [
    None,
    RetriableError("no answer", api="S"),
    RetriableError("not sent", api="S", may_have_applied=False),
    BackpressureError("429", api="S"),
    RejectedError("no", api="S"),
    FatalError("wrong key", api="S"),
    OSError("what is this"),
]


class Calls(Requests):
    """Notes whose calls are under way, and in which order each order's steps are asked for; `error` ends a call."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.under_way: list[Attempt] = []
        self.steps: dict[Job, list[Step]] = {}
        self.unknown: set[Job] = set()  # a create of theirs may be alive

    def who(self) -> Call:
        return self._call((), lambda: None)

    def looks(self, attempts: Sequence[Attempt]) -> Call:
        return self._call(attempts, lambda: {one.job.order_id: Seen(None, None, 0) for one in attempts})

    def of(self, attempt: Attempt) -> Call:
        return self._call((attempt,), lambda: "c1" if attempt.step is Step.UPSERT else "e1")

    def _call(self, attempts: Sequence[Attempt], value: Call) -> Call:
        steps = [(attempt, attempt.step) for attempt in attempts]
        self.under_way += attempts
        for attempt, step in steps:
            self.steps.setdefault(attempt.job, []).append(step)

        def call() -> Any:
            for attempt, step in steps:
                self.under_way.remove(attempt)
                if step is Step.CREATE and isinstance(self.error, OSError | RetriableError):
                    self.unknown.add(attempt.job)
            if self.error is not None:
                raise self.error
            return value()

        return call


class AnyOrder(RuleBasedStateMachine):
    """Two partitions; few contacts, so that lanes are shared."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.now, self.last = Calls(), 1000.0, 0
        with by_hand("processor.deliver.pool") as self.threads:
            breaker = CircuitBreaker("S", proven=True)
            self.deliver = Deliver(self.calls, breaker, Limits(3, 5, 10, 20), lambda: self.now, lambda: 1.0)
        self.jobs: dict[Job, str] = {}
        self.held: set[Job] = set()  # neither ended nor gone
        self.gone: set[Job] = set()
        self.lost: set[Job] = set()
        self.endings: Counter[Job] = Counter()
        self.released: Counter[Job] = Counter()
        self.intents: list[Intent] = []
        self.intended: set[Job] = set()

    def take(self, values: Iterable[Out]) -> None:
        for value in values:
            job = value.job
            assert job not in self.lost
            if isinstance(value, Intent):
                assert self.calls.steps[job][-1] is Step.LOOK
                assert not self.released[job]
                self.intents.append(value)
                self.intended.add(job)
            elif isinstance(value, Released):
                self.released[job] += 1
            else:
                self.endings[job] += 1
                self.held.discard(job)

    @rule(partition=PARTITIONS, lane=st.integers(0, 2), purchase=st.booleans(), sending=st.booleans())
    def an_order_comes(self, partition: int, lane: int, purchase: bool, sending: bool) -> None:
        self.last += 1
        before = row(outcome=Outcome.SENDING, event_id=None, contact_id="c1", fingerprint=None) if sending else None
        job = a_job(self.last, before, partition=partition, settle_until=self.now + 40 if sending else 0.0)
        self.jobs[job] = f"m{lane}@x.pl"
        self.held.add(job)
        self.deliver.submit(decided(job, self.jobs[job], purchase))

    @rule(seconds=st.sampled_from([0.0, 0.1, 5.0, 60.0]))
    def turn(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.deliver.poll(self.now))

    @precondition(lambda self: len(self.threads) > 0)
    @rule(data=st.data(), error=st.sampled_from(ERRORS))
    def a_call_ends(self, data: st.DataObject, error: BaseException | None) -> None:
        self.calls.error = error
        self.threads.run(data.draw(st.integers(0, len(self.threads) - 1)))
        self.take(self.deliver.join(self.now, 0.0))

    @precondition(lambda self: bool(self.intents))
    @rule(data=st.data(), seconds=st.sampled_from([0.0, 3.0, 9.0]))
    def an_intent_is_in_kafka(self, data: st.DataObject, seconds: float) -> None:
        intent = self.intents.pop(data.draw(st.integers(0, len(self.intents) - 1)))
        self.now += seconds
        self.deliver.intended(intent, self.now - seconds)

    @rule(held=st.booleans())
    def kafka_rejects_or_accepts(self, held: bool) -> None:
        self.deliver.held = held

    @rule(partition=PARTITIONS, error=st.sampled_from(ERRORS), answered=st.booleans())
    def a_partition_is_revoked(self, partition: int, error: BaseException | None, answered: bool) -> None:
        self.deliver.revoke({partition})
        self.calls.error = error
        if answered:
            self.threads.run_all()
        self.take(self.deliver.join(self.now, 0.0))
        self.deliver.revoke({partition})
        self.take(self.deliver.join(self.now, 0.0))
        assert not (answered and self.deliver.busy({partition}))
        self._gone(partition)

    @rule(partition=PARTITIONS)
    def a_partition_is_lost(self, partition: int) -> None:
        self._gone(partition)

    def _gone(self, partition: int) -> None:
        self.deliver.lose({partition})
        gone = {job for job in self.held if job.partition == partition}
        self.held -= gone
        self.gone |= gone
        self.lost |= {job for job in self.jobs if job.partition == partition}

    @invariant()
    def two_calls_of_one_contact_are_never_under_way(self) -> None:
        assert max(Counter(attempt.send.contact.email for attempt in self.calls.under_way).values(), default=0) <= 1

    @invariant()
    def no_more_calls_are_under_way_than_there_are_threads(self) -> None:
        assert len(self.threads) == self.deliver.in_flight <= 4  # three, and a probe

    @invariant()
    def an_order_ends_or_is_released_at_most_once(self) -> None:
        assert max((self.endings + self.released).values(), default=0) <= 1
        assert all(job in self.intended and job not in self.calls.unknown for job in self.released)

    @invariant()
    def a_create_follows_a_look_and_an_intent(self) -> None:
        for job, steps in self.calls.steps.items():
            for at, step in enumerate(steps):
                if step is Step.CREATE:
                    assert steps[at - 1] is Step.LOOK
                    assert job in self.intended

    def teardown(self) -> None:
        self.calls.error, self.deliver.held = None, False
        for _ in range(300):
            if not self.held and not len(self.threads):
                break
            self.turn(0.0)
            if not len(self.threads) and not self.intents:
                self.turn(61.0)
            self.threads.run_all()
            self.take(self.deliver.join(self.now, 0.0))
            while self.intents:
                self.deliver.intended(self.intents.pop(), self.now)
        assert not self.held, "every order that was not given up ends"
        assert {job for job in self.jobs if not self.endings[job]} == self.gone
        assert (self.deliver.parked, len(self.deliver._lanes), len(self.deliver._attempts)) == (0, 0, 0)
        assert not self.deliver._open


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=cases(60), stateful_step_count=40)
