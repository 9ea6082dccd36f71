"""Coalescing against a plain model: never two unfinished jobs of an order, and every entry is in exactly one place."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from processor.coalesce.stage import LINGER_SECONDS, Coalesce, is_done
from processor.deliver.attempt import Attempt
from processor.deliver.lanes import Lanes
from processor.job import Entry, Job, Raw
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.values import Passed
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics
from tests.harness.cases import cases
from tests.processor.deliver.attempts import an_attempt

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CODEC = make_codec(Topics("t"), None)
MOST = 5


class Coalescing(RuleBasedStateMachine):
    """Entries come, jobs are handed on, end, or are let go, and partitions are given up, in any order."""

    @initialize()
    def begin(self) -> None:
        self.now, self.offset = 1000.0, -1
        self.coalesce = Coalesce(Ledger(CODEC), 39.0, MOST)
        self.handed_on: dict[int, Job] = {}  # by order
        self.where: dict[int, Entry] = {}  # by offset, of entries without an outcome
        self.rows: dict[int, Delivery] = {}
        for number in (0, 1):
            self.assign(number)

    def assign(self, number: int) -> None:
        ledger = self.coalesce._ledger
        ledger.open(number)
        ledger.load(number, [(order, CODEC.encode(one)) for order, one in self.rows.items() if order % 2 == number])
        self.coalesce.assign(Partition(number, "T", self.now, 0, Progress("T")))

    @precondition(lambda self: self.coalesce.room > 0)
    @rule(order=st.integers(1, 8), log_type=st.sampled_from([1, 2, 11, 16]), origin=st.sampled_from(Origin))
    def an_entry_comes(self, order: int, log_type: int, origin: Origin) -> None:
        self.offset += 1
        raw = Raw(order % 2, self.offset, str(order).encode(), b"", ())
        record = JournalEntry(self.offset + 100, log_type, order, None, NOW, origin)
        self.where[self.offset] = Entry(raw, record, False)
        self.coalesce.submit(self.where[self.offset])

    @rule(seconds=st.sampled_from([0.0, LINGER_SECONDS, 2 * LINGER_SECONDS]), room=st.integers(0, 3))
    def a_turn(self, seconds: float, room: int) -> None:
        self.now += seconds
        jobs = 0
        for found in self.coalesce.poll(self.now, room):
            if isinstance(found, Passed):
                entry = self.where.pop(found.raw.offset)
                assert is_done(entry, self.rows.get(entry.record.order_id), "T")
                continue
            jobs += 1
            assert found.order_id not in self.handed_on, "two unfinished jobs of one order"
            assert found.row == self.rows.get(found.order_id)
            due = found.row is not None and found.row.purchase_due
            assert found.purchase is (due or any(one.record.log_type in {1, 2} for one in found.entries))
            self.handed_on[found.order_id] = found
        assert jobs <= room

    @precondition(lambda self: self.handed_on)
    @rule(data=st.data(), due=st.booleans())
    def a_job_ends(self, data: st.DataObject, due: bool) -> None:
        job = self.handed_on.pop(data.draw(st.sampled_from(sorted(self.handed_on))))
        row = Delivery(
            Outcome.SKIPPED, "no_email", due and job.purchase, job.offset, "T", job.log_id, None, None, None, NOW
        )
        self.rows[job.order_id] = row
        for one in job.entries:
            del self.where[one.raw.offset]
        self.coalesce.finished(job, row, CODEC.encode(row), 0.0)
        self.coalesce.finished(job, replace(row, reason="again"), CODEC.encode(row), 0.0)  # once is enough

    @rule(partitions=st.sets(st.integers(0, 1)))
    def partitions_are_given_up_and_come_back(self, partitions: set[int]) -> None:
        self.coalesce.revoke(partitions)
        gone = [self.handed_on.pop(order) for order in list(self.handed_on) if order % 2 in partitions]
        self.where = {at: one for at, one in self.where.items() if one.raw.partition not in partitions}
        for number in partitions:
            self.assign(number)
        for job in gone:  # a call of it ends late: nothing new is touched
            self.coalesce.forget(job)

    @invariant()
    def every_entry_lies_in_exactly_one_place(self) -> None:
        held = [*self.coalesce.entries(), *self.coalesce._entered]
        assert sorted(one.raw.offset for one in held) == sorted(self.where)

    @invariant()
    def entries_of_a_job_come_before_those_that_wait_behind_it(self) -> None:
        offsets: dict[int, list[int]] = {}
        for one in self.coalesce.entries():
            offsets.setdefault(one.record.order_id, []).append(one.raw.offset)
        assert all(found == sorted(found) for found in offsets.values())

    @invariant()
    def what_is_unfinished_is_bounded(self) -> None:
        assert self.coalesce.unfinished <= MOST
        assert self.coalesce.room == MOST - self.coalesce.unfinished

    def teardown(self) -> None:
        if hasattr(self, "coalesce"):
            self.coalesce.close()


Coalescing.TestCase.settings = settings(max_examples=cases(100, 3000), stateful_step_count=40, deadline=None)
TestCoalescing = Coalescing.TestCase


class OneLaneAContact(RuleBasedStateMachine):
    """Lanes against a list a contact: in the order of entering, at most one runs."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.model: dict[str, list[Attempt]] = {}
        self.running: dict[str, Attempt] = {}

    @rule(lane=st.sampled_from("abc"))
    def an_attempt_enters(self, lane: str) -> None:
        attempt = an_attempt()
        queue = self.model.setdefault(lane, [])
        free = not queue
        queue.append(attempt)
        assert self.lanes.enter(lane, attempt) is free
        if free:
            self.running[lane] = attempt

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def an_attempt_leaves_from_anywhere(self, data: st.DataObject) -> None:
        lane = data.draw(st.sampled_from(sorted(self.model)))
        queue = self.model[lane]
        attempt = data.draw(st.sampled_from(queue))
        held = queue[0] is attempt
        queue.remove(attempt)
        following = self.lanes.leave(attempt)
        if not queue:
            del self.model[lane]
        assert following is (queue[0] if held and queue else None)
        if held:
            del self.running[lane]
            if following is not None:
                self.running[lane] = following
        assert self.lanes.leave(attempt) is None

    @invariant()
    def the_oldest_runs_alone(self) -> None:
        assert len(self.lanes) == len(self.model)
        assert self.running == {lane: queue[0] for lane, queue in self.model.items()}


OneLaneAContact.TestCase.settings = settings(max_examples=cases(60, 2000), stateful_step_count=40, deadline=None)
TestOneLaneAContact = OneLaneAContact.TestCase
