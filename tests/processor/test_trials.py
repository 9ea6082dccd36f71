"""Paused by dead letters, from the pipeline's point of view: what is tried when, and that nothing is lost over it.

Real coalesce, record and commit; reading and sending are one step whose result the test decides.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from processor.coalesce.stage import Coalesce
from processor.commit.stage import Commit
from processor.control.flow import Flow
from processor.decide.judge import Judge
from processor.decide.rules import RuleSettings
from processor.ending import Ending, Write
from processor.job import Entry, Job
from processor.partition import Partition
from processor.partitions import Partitions
from processor.pipeline import Pipeline
from processor.record.breaker import DeadLetterBreaker
from processor.record.stage import Record
from processor.restore.ledger import Ledger
from processor.stages import Stages
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.refusals import Refusals
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import Outcome
from schemas.topics import Topics
from tests.processor.by_hand import Threads, by_hand
from tests.processor.entries import entry, row

TOPICS = Topics("shop")
CODEC = make_codec(TOPICS, None)
CONTACT = frozenset({Write.NONE, Write.KNOWN_CONTACT})
PURCHASE = CONTACT | {Write.UPDATE, Write.PURCHASE}


class Kafka:
    """One partition's entries, the group's offset, and whose dead letters there are."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.committed = 0
        self.letters: list[str] = []
        self.position = 0
        self.opened = False

    def write(self, messages: list[Any], offsets: list[Any], _: Any) -> None:
        self.letters += [str(message.key) for message in messages if message.topic == TOPICS.dead_letters]
        self.committed = offsets[0].offset

    # the source
    def open(self, partition: Partition | None = None) -> bool:
        if partition is not None:
            self.position, self.opened = partition.position, True
        return True

    def poll(self, now: float, room: int, seconds: float) -> Iterator[Entry]:
        for _ in range(room if self.opened else 0):
            if self.position >= len(self.entries):
                return
            self.position += 1
            yield self.entries[self.position - 1]

    def pause(self, _: Set[int]) -> None:
        self.opened = False

    revoke = pause

    @property
    def at_end(self) -> bool:
        return not self.opened or self.position >= len(self.entries)


class Restored:
    """Ready at once; the ledger's rows stay."""

    loading, numbers = False, frozenset[int]()

    def __init__(self, kafka: Kafka) -> None:
        self._kafka, self._ready = kafka, False

    def begin(self, _: Set[int], now: float) -> None:
        self._ready = True

    def poll(self, now: float) -> Iterator[Partition]:
        if self._ready:
            self._ready = False
            yield Partition(0, "T", now, self._kafka.committed, Progress("T"))

    def drop(self, _: Set[int]) -> None:
        self._ready = False


class Shop:
    """BaseLinker and SALESmanago at once: how a job ends; `refuses` purchases, or those of `bad` orders alone."""

    room, in_flight, held, breaker = 1500, 0, False, SimpleNamespace(proven=True)

    def __init__(self) -> None:
        self.refuses, self.bad, self.skipped = True, set[int](), set[int]()
        self.purchases: Counter[int] = Counter()
        self.tried: list[int] = []
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def poll(self, now: float) -> Iterator[Ending]:
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            yield self._end(job)

    def _end(self, job: Job) -> Ending:
        if job.order_id in self.skipped:
            return Ending(job, Outcome.SKIPPED, "unconfirmed")
        self.tried.append(job.order_id)
        if not job.purchase:
            return Ending(job, Outcome.DELIVERED, "contact", accepted=CONTACT)
        if self.refuses or job.order_id in self.bad:
            return Ending(job, Outcome.DEAD, "rejected", error=ValueError("no"), refused=Write.PURCHASE)
        self.purchases[job.order_id] += 1
        event_id = f"e{job.order_id}"
        return Ending(job, Outcome.DELIVERED, "created", event_id, "c", accepted=PURCHASE, with_purchase=True)

    def revoke(self, partitions: Set[int]) -> None:
        self._jobs = []


class Nothing:
    """A stage that nothing reaches."""

    room, in_flight, held = 1500, 0, False

    def busy(self, _: Set[int]) -> bool:
        return False

    def poll(self, *_: Any) -> Iterator[Any]:
        return iter(())

    join = poll

    def lose(self, _: Set[int]) -> None:
        """There is nothing."""

    revoke = lose


class Place:
    def __init__(self, threads: Threads, ledger: Ledger, limit: int) -> None:
        self.now, self.kafka, self.shop, self.threads = 1000.0, Kafka(), Shop(), threads
        self.ledger = ledger
        ledger.open(0)
        self.breaker = DeadLetterBreaker(limit)
        writer: Any = self.kafka
        stages: Any = SimpleNamespace(
            source=self.kafka,
            coalesce=Coalesce(ledger, 40.0),
            enrich=self.shop,
            deliver=Nothing(),
            record=Record(self.breaker, CODEC, Metrics(), TOPICS.journal),
            commit=Commit(writer, lambda: None, TOPICS, CODEC, Refusals(Health())),
        )
        self.shop.assign = self.shop.use = lambda _: None  # type: ignore[attr-defined]
        operator: Any = SimpleNamespace(
            poll=lambda _: None, report=lambda: None, rules=RuleSettings("shop"), paused=False, may_take=True
        )
        restore: Any = Restored(self.kafka)
        self.stages: Stages = stages
        pipeline = Pipeline(stages, Judge(b""), operator.rules)
        partitions = Partitions(pipeline, restore, 5.0, self._tick)
        self.flow = Flow(pipeline, partitions, operator, lambda: self.now)
        partitions.assigned({0})

    def _tick(self) -> float:
        self.threads.run_all()
        self.now += 0.01
        return self.now

    def comes(self, order_id: int, log_type: int = 1) -> None:
        self.kafka.entries.append(entry(len(self.kafka.entries), order_id, log_type))

    def turn(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + seconds
        while self.now < end and not until():
            self.threads.run_all()
            self.flow.turn(self.now)
            self.now += 0.1

    @property
    def all_done(self) -> bool:
        return self.kafka.committed == len(self.kafka.entries)


@pytest.fixture
def make() -> Iterator[Callable[..., Place]]:
    ledgers: list[Ledger] = []

    def place(limit: int = 3) -> Place:
        ledgers.append(Ledger(CODEC))
        return Place(threads, ledgers[-1], limit)

    with by_hand("processor.commit.stage") as threads:
        yield place
    for ledger in ledgers:
        ledger.close()


def test_refused_orders_are_tried_one_a_minute_in_turn_and_all_are_sent_once_the_cause_is_fixed(
    make: Callable[..., Place],
) -> None:
    place = make()
    for order_id in range(1, 6):
        place.comes(order_id)
    place.turn(30.0)
    place.shop.tried.clear()
    place.turn(300.0)
    assert place.shop.tried == [1, 2, 3, 4, 5]
    assert (place.kafka.letters, place.kafka.committed) == ([], 0)
    place.shop.refuses = False
    place.turn(120.0)
    assert place.shop.purchases == Counter(range(1, 6))
    assert (place.all_done, place.kafka.letters, place.breaker.open) == (True, [], False)


def test_once_all_were_tried_the_first_of_them_is_tried_again_also_when_no_order_comes(
    make: Callable[..., Place],
) -> None:
    place = make()
    for order_id in (1, 2, 3):
        place.comes(order_id)
    place.turn(30.0)
    place.shop.tried.clear()
    place.turn(60.0 * 7)
    assert place.shop.tried[:6] == [1, 2, 3, 1, 2, 3]
    place.shop.refuses = False
    place.turn(120.0)
    assert place.shop.purchases == Counter([1, 2, 3])
    assert place.all_done


def test_a_purchase_that_was_refused_as_a_trial_is_not_passed_over_for_an_edit_of_its_order_that_comes_later(
    make: Callable[..., Place],
) -> None:
    place = make()
    for order_id in (1, 2, 3):
        place.comes(order_id)
    place.comes(1, log_type=16)
    place.turn(60.0 * 5)
    place.shop.refuses = False
    place.turn(60.0 * 3)
    assert place.shop.purchases == Counter([1, 2, 3])
    assert place.all_done


def test_what_was_done_before_and_what_is_not_sent_takes_no_trial_away(make: Callable[..., Place]) -> None:
    place = make()
    for order_id in range(1, 101):
        place.comes(order_id)
    place.shop.skipped = set(range(4, 60))
    for order_id in range(60, 100):
        done = CODEC.encode(row(journal_offset=order_id - 1))
        place.ledger.put(0, order_id, done)
    place.turn(30.0, lambda: place.breaker.open)
    place.shop.tried.clear()
    place.turn(60.0 * 6)
    assert place.shop.tried[:4] == [1, 2, 3, 100]


@pytest.mark.parametrize("limit", [1, 3])
def test_an_order_that_is_bad_in_itself_keeps_no_other_order_waiting_for_long(
    make: Callable[..., Place], limit: int
) -> None:
    place = make(limit)
    place.shop.refuses, place.shop.bad = False, {1, 2, 3}
    for order_id in (1, 2, 3):
        place.comes(order_id)
    place.turn(30.0)
    assert place.breaker.open
    place.comes(4)
    place.turn(60.0 * 5)
    assert place.shop.purchases[4] == 1


def test_a_contact_that_is_edited_lets_no_refused_purchase_go(make: Callable[..., Place]) -> None:
    place = make()
    for order_id in (1, 2, 3):
        place.comes(order_id)
    place.turn(30.0)
    for order_id in range(10, 15):
        place.comes(order_id, log_type=16)
    place.turn(60.0 * 20)
    assert place.breaker.open
    assert (place.kafka.letters, place.kafka.committed) == ([], 0)


def test_the_operator_may_replay_an_order_whose_trial_failed(make: Callable[..., Place]) -> None:
    place = make()
    for order_id in (1, 2, 3):
        place.comes(order_id)
    place.turn(60.0 * 4)
    place.comes(1, log_type=16)
    place.kafka.entries[-1] = replace(place.kafka.entries[-1], replayed=True)
    place.shop.refuses = False
    place.turn(60.0 * 4)
    assert place.shop.purchases == Counter([1, 2, 3])
    assert place.all_done
