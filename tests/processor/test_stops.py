"""What pauses the program and what lets it go on, on a simulated clock; the calls themselves are recorded, not made."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from clients import FatalError
from processor.circuit_breaker import Gate
from processor.commit.refusals import Commits
from processor.consume.decode import Undecodable
from processor.control.lag import Lag
from processor.deliver.state_machine import Ending
from processor.holdings import Holdings
from processor.job import Entry, Job, Raw, Step
from processor.parts import WrongKey
from processor.record.dead_letters import HOLD_SECONDS, Death, Deaths
from processor.stops import PROBE_SECONDS, Stops
from runtime.health import Health
from runtime.metrics import Metrics
from schemas.records import Outcome
from schemas.topics import Topics
from tests.processor.entries import entry

REFUSED = Ending(Outcome.DEAD, "rejected", error=ValueError("no"))


class Place:
    """Stops with everything around it recorded."""

    def __init__(self, limit: int = 3, until_caught_up: bool = False, verified: bool = True) -> None:
        self.now = 1000.0
        self.holdings = Holdings(Deaths(limit))
        self.concluded: list[Job] = []
        self.buried: list[Any] = []
        self.again: list[Job] = []
        self.admitted: list[Entry] = []
        self.probes = 0
        self.readable = False
        self.health = Health()
        self.deliver = SimpleNamespace(
            gate=Gate("SALESmanago"), halted=False, only=None, parked=0, probe=self.probe, waiting=None
        )
        self.read = SimpleNamespace(gate=Gate("BaseLinker"), busy=False, probe=lambda call, done: self.probe(done))
        self.answer: BaseException | None = None
        self.metrics = Metrics()
        parts: Any = SimpleNamespace(
            clock=lambda: self.now,
            health=self.health,
            commits=Commits(self.health, lambda: self.now),
            metrics=self.metrics,
            topics=Topics("shop"),
            pacer=SimpleNamespace(blocked_until=None),
            greet_baselinker=None,
            token_verified=SimpleNamespace(is_set=lambda: verified),
        )
        outcomes: Any = SimpleNamespace(
            conclude=lambda job, ending: self.concluded.append(job), bury=self.buried.append
        )
        self.stops = Stops(
            parts, self.holdings, outcomes, self.read, self.deliver, until_caught_up,  # type: ignore[arg-type]
            Lag(self.metrics, self.holdings, SimpleNamespace(waiting=lambda number: 0)),  # type: ignore[arg-type]
            again=self.again.append, decode=self.decode, admit=self.admitted.append,
        )  # fmt: skip

    def probe(self, done: Any) -> None:
        self.probes += 1
        done(self.answer)

    def decode(self, raw: Raw) -> Entry | Undecodable:
        return entry(raw.offset) if self.readable else Undecodable(raw, "undecodable", ValueError())

    def refuse(self, count: int, step: Step = Step.CREATE) -> list[Job]:
        jobs = [Job(number, 0, None, [entry(number)], step=step) for number in range(count)]
        for job in jobs:
            self.stops.ended(job, REFUSED)
        return jobs

    def deliver_one(self, job: Job) -> None:
        job.answered = {Step.UPSERT, Step.CREATE}
        self.stops.ended(job, Ending(Outcome.DELIVERED, "created", "e1", "c1"))

    def mind(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.stops.mind()

    @property
    def ready(self) -> bool:
        return all(state == "ok" for state in self.health.ready().values())


def test_an_entry_that_is_replayed_is_not_the_oldest_unfinished_one() -> None:
    place = Place()
    old = replace(entry(1), raw=replace(entry(1).raw, written_at=time.time() - 7200), replayed=True)
    job = place.holdings.jobs.open(7, 0, [old], None)
    place.mind()
    name = "bl2sm_oldest_unfinished_seconds"
    assert place.metrics.registry.get_sample_value(name) == 0
    job.entries.append(replace(old, raw=replace(old.raw, written_at=time.time() - 3600), replayed=False))
    place.mind(10.0)
    assert 3600 <= (place.metrics.registry.get_sample_value(name) or 0) < 7200


def test_one_death_is_recorded_after_a_moment_and_the_rest_goes_on() -> None:
    place = Place()
    place.refuse(1)
    place.mind(HOLD_SECONDS)
    assert len(place.buried) == 1
    assert not place.deliver.halted
    assert place.ready


def test_deaths_in_a_row_pause_everything_record_nothing_and_try_one_a_minute() -> None:
    place = Place()
    jobs = place.refuse(3)
    place.mind(100.0)
    assert place.deliver.halted
    assert not place.ready
    assert place.again == jobs[:1]
    place.stops.ended(place.again.pop(), REFUSED)
    place.mind(1.0)
    assert place.again == []
    place.mind(PROBE_SECONDS)
    assert len(place.again) == 1
    assert place.buried == []


def test_the_first_delivery_after_the_storm_lets_all_held_orders_try_again() -> None:
    place = Place()
    place.refuse(3)
    place.mind()
    place.deliver_one(place.again.pop())
    place.mind(2.0)
    assert len(place.again) == 2
    assert place.buried == []
    assert not place.deliver.halted
    assert place.ready


def test_orders_that_are_bad_in_themselves_hold_the_others_back_for_two_minutes_at_most() -> None:
    place = Place()
    place.refuse(3)
    fresh = place.deliver.waiting = Job(99, 0, None, [entry(99)])
    place.mind()
    place.stops.ended(place.again.pop(), REFUSED)
    place.mind(PROBE_SECONDS)
    assert (place.deliver.only, place.again) == (fresh, [])
    place.deliver_one(fresh)
    place.mind(1.0)
    assert not place.deliver.halted
    assert len(place.again) == 3


def test_during_a_pause_entries_are_taken_in_one_by_one_until_an_order_can_be_tried() -> None:
    place = Place()
    for number in range(3):
        job = place.holdings.jobs.open(number, 0, [entry(number, number)], None)
        job.step = Step.CREATE
        place.stops.ended(job, REFUSED)
    assert not place.stops.may_take_one
    place.mind()
    assert not place.stops.may_take_one, "a held one is being tried"
    place.stops.ended(place.again.pop(), REFUSED)
    assert place.stops.may_take_one
    fresh = place.deliver.waiting = place.holdings.jobs.open(9, 0, [entry(9, 9)], None)
    assert not place.stops.may_take_one, "there is one to be tried"
    place.mind(PROBE_SECONDS)
    assert place.deliver.only is fresh
    assert not place.stops.may_take_one


def test_messages_that_cannot_be_read_are_not_all_taken_in_during_a_pause() -> None:
    place = Place()
    for number in range(3):
        place.holdings.deaths.add(Death((entry(number).raw,), None, "undecodable", ValueError(), 0, place.now))
    place.mind()
    assert place.stops.may_take_one
    place.holdings.deaths.add(Death((entry(3).raw,), None, "undecodable", ValueError(), 0, place.now))
    assert not place.stops.may_take_one
    place.mind(PROBE_SECONDS)
    assert place.stops.may_take_one


@pytest.mark.parametrize("answered", [set(), {Step.UPSERT}, {Step.UPDATE}])
def test_a_known_contact_edited_now_and_then_lets_no_refused_purchase_go(answered: set[Step]) -> None:
    place = Place(limit=20)
    for _ in range(100):
        place.refuse(1)
        edited = Job(999, 0, None, [entry(999)], answered=set(answered))
        place.stops.ended(edited, Ending(Outcome.DELIVERED, "contact", None, "c1"))
        place.mind(HOLD_SECONDS / 4)
    assert len(place.buried) <= 19
    assert len(place.buried) + len(place.holdings.deaths.held) + len(place.again) == 100
    assert place.deliver.halted
    assert not place.ready


@pytest.mark.parametrize(
    "ending",
    [
        Ending(Outcome.DELIVERED, "unchanged", "e1", "c1"),
        Ending(Outcome.DELIVERED, "adopted", "e1", "c1"),
        Ending(Outcome.SKIPPED, "unknown"),
    ],
)
def test_a_tried_order_that_needed_no_purchase_after_all_lets_no_other_go(ending: Ending) -> None:
    place = Place()
    place.refuse(3)
    place.mind()
    tried = place.again.pop()
    tried.answered = {Step.UPSERT}
    place.stops.ended(tried, ending)
    place.mind(HOLD_SECONDS + 1.0)
    assert place.concluded == [tried]
    assert (place.again, place.buried) == ([], [])
    assert place.deliver.halted
    place.mind(PROBE_SECONDS)
    assert len(place.again) == 1


def test_a_pause_with_nothing_left_to_try_ends_and_the_next_death_begins_it_again() -> None:
    place = Place(limit=3)
    place.holdings.deaths.restore(2)
    place.refuse(1)
    place.mind()
    place.stops.ended(place.again.pop(), Ending(Outcome.SKIPPED, "unknown"))
    place.mind(1.0)
    assert not place.deliver.halted
    place.refuse(1)
    place.mind(1.0)
    assert place.deliver.halted
    assert place.buried == []


def test_messages_that_can_be_read_again_end_their_storm_by_themselves() -> None:
    place = Place()
    for offset in range(3):
        place.holdings.deaths.add(Death((entry(offset).raw,), None, "undecodable", ValueError(), 0, place.now))
    place.mind()
    assert place.deliver.halted
    place.readable = True
    place.mind(PROBE_SECONDS)
    assert [found.raw.offset for found in place.admitted] == [0, 1, 2]
    place.mind()
    assert not place.deliver.halted
    assert place.buried == []


def test_messages_that_can_be_read_again_let_no_refused_order_go() -> None:
    place = Place()
    place.refuse(2)
    place.holdings.deaths.add(Death((entry(7).raw,), None, "undecodable", ValueError(), 0, place.now))
    place.readable = True
    place.mind()
    assert [found.raw.offset for found in place.admitted] == [7]
    place.mind(HOLD_SECONDS)
    assert place.deliver.halted
    assert (place.again, place.buried) == ([], [])
    place.mind(PROBE_SECONDS)
    assert len(place.again) == 1


def test_until_caught_up_a_storm_ends_the_program_with_a_sentence() -> None:
    place = Place(until_caught_up=True)
    place.refuse(3)
    with pytest.raises(WrongKey, match="MAX_CONSECUTIVE_DEAD_LETTERS"):
        place.mind()


def test_a_key_refused_in_mid_run_is_asked_about_once_a_minute_until_it_is_mended() -> None:
    place = Place()
    place.deliver.gate.stop(place.now, "wrong secret")
    place.answer = FatalError("wrong secret", api="SALESmanago")
    for _ in range(5):
        place.mind(PROBE_SECONDS)
        place.mind(1.0)
    assert place.probes == 5
    assert not place.ready
    place.answer = None
    place.mind(PROBE_SECONDS)
    place.mind(1.0)
    assert place.deliver.gate.stopped is None
    assert place.ready


def test_a_token_that_was_never_accepted_ends_the_program() -> None:
    place = Place(verified=False)
    place.read.gate.stop(place.now, "check BASELINKER_TOKEN")
    with pytest.raises(WrongKey, match="BASELINKER_TOKEN"):
        place.mind()
