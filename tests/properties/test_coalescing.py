"""Jobs against a plain model: never two of one order, and every entry belongs to exactly one of them, or is done."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processor.deliver.lanes import Lanes
from processor.job import Entry, Job, Jobs, Raw, Step
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from tests.harness.cases import cases

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BUSY = [Step.READING, Step.LANE, Step.UPSERT, Step.INTEND, Step.LOOK, Step.CREATE, Step.UPDATE]


def a_row(due: bool) -> Delivery:
    return Delivery(Outcome.SKIPPED, "no_email", due, 0, "T", 1, None, None, None, NOW)


class Coalescing(RuleBasedStateMachine):
    """What the session does with jobs, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs()
        self.offset = -1
        self.open: dict[int, Job] = {}
        self.where: dict[int, int] = {}  # offset → order, of entries neither done nor given up
        self.due: dict[int, bool] = {}  # order → the ledger's word
        self.types: dict[int, int] = {}

    @rule(order=st.integers(1, 6), log_type=st.sampled_from([1, 2, 11, 16]), origin=st.sampled_from(Origin))
    def an_entry_comes(self, order: int, log_type: int, origin: Origin) -> None:
        self.offset += 1
        partition = order % 2
        raw = Raw(partition, self.offset, str(order).encode(), b"", ())
        record = JournalEntry(self.offset + 100, log_type, order, None, NOW, origin)
        entry = Entry(raw, record, False, 0.0)
        self.where[self.offset], self.types[self.offset] = order, log_type
        assert self.jobs.has(order) is (order in self.open)
        if self.jobs.join(entry):
            job = self.open[order]  # what came after its reading began waits, so that the order is read again
            assert (entry in job.followers) is (job.step is not Step.WAITING)
            return
        self.open[order] = self.jobs.open(order, partition, [entry], a_row(self.due.get(order, False)))

    @rule(order=st.integers(1, 6))
    def a_second_job_of_an_order_is_refused(self, order: int) -> None:
        if order in self.open:
            with pytest.raises(ValueError, match="unfinished"):
                self.jobs.open(order, order % 2, [], None)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), step=st.sampled_from(BUSY))
    def a_job_goes_on(self, data: st.DataObject, step: Step) -> None:
        job = self.open[data.draw(st.sampled_from(sorted(self.open)))]
        if job.step is Step.WAITING:
            self.jobs.waiting.remove(job)
        job.step = step

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def a_job_is_read_again(self, data: st.DataObject) -> None:
        job = self.open[data.draw(st.sampled_from(sorted(self.open)))]
        if job.step is not Step.WAITING:
            had = bool(job.followers)
            assert job.join_followers() is had
            job.step = Step.WAITING
            self.jobs.waiting.append(job)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(sorted(self.open)))
        job = self.open.pop(order)
        if job.step is Step.WAITING:
            self.jobs.waiting.remove(job)
        self.due[order] = job.purchase and data.draw(st.booleans())
        for entry in job.entries:
            del self.where[entry.raw.offset]
        followers = self.jobs.close(job)
        assert job.step is Step.DONE
        if followers:
            self.open[order] = self.jobs.open(order, job.partition, followers, a_row(self.due[order]))

    @rule(partitions=st.sets(st.integers(0, 1)))
    def partitions_are_given_up(self, partitions: set[int]) -> None:
        gone = self.jobs.abandon(partitions)
        assert {job.order_id for job in gone} == {order for order in self.open if order % 2 in partitions}
        assert all(job.abandoned for job in gone)
        for job in gone:
            del self.open[job.order_id]
            self.jobs.close(job)  # a call of it ends late: the order's new job is not touched
        self.where = {offset: order for offset, order in self.where.items() if order % 2 not in partitions}

    @invariant()
    def every_entry_lies_in_exactly_one_place(self) -> None:
        held: dict[int, int] = {}
        for job in self.jobs:
            for entry in (*job.entries, *job.followers):
                assert entry.raw.offset not in held
                held[entry.raw.offset] = job.order_id
        assert held == self.where

    @invariant()
    def one_job_an_order(self) -> None:
        assert sorted(job.order_id for job in self.jobs) == sorted(self.open)
        assert len(self.jobs) == len(self.open)
        waiting = [job.order_id for job in self.jobs.waiting]
        assert sorted(waiting) == sorted(order for order, job in self.open.items() if job.step is Step.WAITING)

    @invariant()
    def a_job_knows_what_is_due(self) -> None:
        for order, job in self.open.items():
            offsets = [entry.raw.offset for entry in job.entries]
            assert job.purchase is (self.due.get(order, False) or any(self.types[one] in {1, 2} for one in offsets))
            assert job.offset == max(offsets)
            assert job.log_id == max(offsets) + 100
            assert offsets == sorted(offsets)
            assert all(entry.raw.offset > job.offset for entry in job.followers)


Coalescing.TestCase.settings = settings(max_examples=cases(100, 3000), stateful_step_count=40, deadline=None)
TestCoalescing = Coalescing.TestCase


class OneLaneAContact(RuleBasedStateMachine):
    """Lanes against a list a contact: in the order of entering, at most one runs."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.model: dict[str, list[Job]] = {}
        self.running: dict[str, Job] = {}
        self.count = 0

    @rule(lane=st.sampled_from("abc"))
    def a_job_enters(self, lane: str) -> None:
        self.count += 1
        job = Job(self.count, 0, None)
        queue = self.model.setdefault(lane, [])
        free = not queue
        queue.append(job)
        assert self.lanes.enter(lane, job) is free
        if free:
            self.running[lane] = job

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def a_job_leaves_from_anywhere(self, data: st.DataObject) -> None:
        lane = data.draw(st.sampled_from(sorted(self.model)))
        queue = self.model[lane]
        job = data.draw(st.sampled_from(queue))
        held = queue[0] is job
        queue.remove(job)
        following = self.lanes.leave(job)
        if not queue:
            del self.model[lane]
        assert following is (queue[0] if held and queue else None)
        if held:
            del self.running[lane]
            if following is not None:
                self.running[lane] = following
        assert self.lanes.leave(job) is None

    @invariant()
    def the_oldest_runs_alone(self) -> None:
        assert len(self.lanes) == len(self.model)
        assert self.running == {lane: queue[0] for lane, queue in self.model.items()}


OneLaneAContact.TestCase.settings = settings(max_examples=cases(60, 2000), stateful_step_count=40, deadline=None)
TestOneLaneAContact = OneLaneAContact.TestCase
