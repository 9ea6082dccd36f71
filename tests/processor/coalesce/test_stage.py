"""Entries become jobs: one per order, what was done is passed over, and what comes meanwhile waits for the next job."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from processor.coalesce.stage import (
    FULL_BATCH,
    LINGER_SECONDS,
    REGISTRY_PAUSE_SECONDS,
    Coalesce,
    is_done,
)
from processor.errors import NeedsOperator, Torn
from processor.job import Entry, Job
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.values import Passed
from schemas.codec import RegistryUnavailable, UnknownSchema, make_codec
from schemas.progress import Progress
from schemas.records import ASKED_FOR, Delivery, Origin, Outcome
from schemas.topics import Topics
from tests.processor.entries import entry, row

CODEC = make_codec(Topics("t"), None)
TAKEOVER_SECONDS = 39.0
ROOM = 10**6


class Codec:
    """Ours, unless `error` is to be raised."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def decode(self, value: bytes, kind: Any) -> Any:
        if self.error is not None:
            raise self.error
        return CODEC.decode(value, kind)


class Place:
    """The stage with a ledger, on a simulated clock; partition 0 was assigned at 1000."""

    def __init__(self, most: int = 1500, **given: Any) -> None:
        self.now, self.codec = 1000.0, Codec()
        self.ledger = Ledger(self.codec)  # type: ignore[arg-type]
        self.coalesce = Coalesce(self.ledger, TAKEOVER_SECONDS, most)
        self.assign(0, **given)

    def assign(self, number: int, **given: Any) -> None:
        self.ledger.open(number)
        self.coalesce.assign(Partition(number, "T", self.now, 0, Progress("T"), **given))

    def knows(self, order_id: int, delivery: Delivery | bytes) -> None:
        value = delivery if isinstance(delivery, bytes) else CODEC.encode(delivery)
        self.ledger.load(0, [(order_id, value)])

    def submit(self, *entries: Entry) -> None:
        for one in entries:
            self.coalesce.submit(one)

    def poll(self, seconds: float = 0.0, room: int = ROOM) -> list[Job | Passed]:
        self.now += seconds
        return list(self.coalesce.poll(self.now, room))

    def jobs(self, *entries: Entry, room: int = ROOM) -> list[Job]:
        """Submit, and wait until jobs are handed on."""
        self.submit(*entries)
        self.poll(room=0)
        return [one for one in self.poll(2 * LINGER_SECONDS, room) if isinstance(one, Job)]

    def finish(self, job: Job, delivery: Delivery | None = None, settle_until: float = 0.0) -> None:
        delivery = delivery or row()
        self.coalesce.finished(job, delivery, CODEC.encode(delivery), settle_until)


@pytest.fixture
def place() -> Iterator[Place]:
    found = Place()
    yield found
    found.coalesce.close()


def offsets(job: Job) -> list[int]:
    return [one.raw.offset for one in job.entries]


def elsewhere(one: Entry, partition: int) -> Entry:
    return replace(one, raw=replace(one.raw, partition=partition))


# ---- what was done before

REPLAY, BACKFILL, JOURNAL = Origin.REPLAY, Origin.BACKFILL, Origin.JOURNAL


def asked_for(one: Entry) -> Entry:
    return replace(one, raw=replace(one.raw, headers=((ASKED_FOR, b"1"),)))


@pytest.mark.parametrize(
    ("what", "known", "done"),
    [
        pytest.param(entry(5), None, False, id="an order without a row"),
        pytest.param(entry(9), row(), True, id="up to the row's offset"),
        pytest.param(entry(10), row(), False, id="after the row's offset"),
        pytest.param(entry(5), row(journal_topic_id="old"), False, id="the offset is of another topic"),
        pytest.param(replace(entry(5), replayed=True), row(), False, id="below the replay mark"),
        pytest.param(entry(5, origin=REPLAY), row(), True, id="a single order's replay that was done"),
        pytest.param(entry(10, origin=REPLAY), row(), False, id="a single order's replay"),
        pytest.param(entry(10, origin=BACKFILL), row(), True, id="the sweep brings a delivered order"),
        pytest.param(entry(10, origin=BACKFILL), row(purchase_due=True), False, id="the sweep brings one that is due"),
        pytest.param(
            entry(10, origin=BACKFILL), row(event_id=None), False, id="the sweep brings one without a purchase"
        ),
        pytest.param(
            entry(10, origin=BACKFILL), row(outcome=Outcome.RETRACTED, event_id=None), True,
            id="the sweep must not bring back what was retracted",
        ),
        pytest.param(
            asked_for(entry(10, origin=BACKFILL)), row(outcome=Outcome.RETRACTED, event_id=None), False,
            id="the operator brings back what was retracted",
        ),
        pytest.param(
            entry(10), row(outcome=Outcome.RETRACTED, event_id=None), False, id="an edit of a retracted order"
        ),
        pytest.param(
            asked_for(entry(10, origin=BACKFILL)), row(), True, id="a backfill asks for what was delivered"
        ),
    ],
)  # fmt: skip
def test_an_entry_is_passed_over_where_its_orders_row_says_that_it_was_done(
    place: Place, what: Entry, known: Delivery | None, done: bool
) -> None:
    assert is_done(what, known, "T") is done
    if known is not None:
        place.knows(7, known)
    place.submit(what)
    assert place.poll(room=0) == ([Passed(what.raw)] if done else [])
    assert place.coalesce.unfinished == (0 if done else 1)


def test_the_order_that_the_rows_of_kafka_say_is_done_is_done_at_once(place: Place) -> None:
    """It does not wait for the moment in which entries are coalesced, nor for room."""
    (job,) = place.jobs(entry(1), room=1)
    place.finish(job, row(journal_offset=3))
    place.submit(entry(2), entry(3))
    assert place.poll(room=0) == [Passed(entry(2).raw), Passed(entry(3).raw)]


# ---- one job per order


def test_entries_that_come_within_a_moment_are_one_job(place: Place) -> None:
    place.submit(entry(1))
    assert place.poll() == []
    place.submit(entry(2, log_type=1))
    assert place.poll(LINGER_SECONDS / 2) == []
    (job,) = place.poll(2 * LINGER_SECONDS)
    assert isinstance(job, Job)
    assert offsets(job) == [1, 2]
    assert (job.order_id, job.partition, job.row) == (7, 0, None)


def test_a_full_batch_waits_no_longer(place: Place) -> None:
    place.submit(*(entry(number, number) for number in range(1, FULL_BATCH)))
    assert place.poll() == []
    place.submit(entry(FULL_BATCH, FULL_BATCH))
    assert len(place.poll()) == FULL_BATCH


def test_no_more_jobs_are_handed_on_than_there_is_room_for_the_lowest_log_ids_first(place: Place) -> None:
    first = place.jobs(*(entry(number, number) for number in (4, 2, 3, 1)), room=2)
    assert [job.order_id for job in first] == [1, 2]
    assert [job.order_id for job in place.jobs(room=2)] == [3, 4]


def test_an_order_that_waits_for_room_takes_its_later_entries_along(place: Place) -> None:
    assert place.jobs(entry(1), room=0) == []
    (job,) = place.jobs(entry(2))
    assert offsets(job) == [1, 2]


def test_entries_of_an_order_whose_job_is_unfinished_wait_for_its_end(place: Place) -> None:
    (job,) = place.jobs(entry(1))
    assert place.jobs(entry(2), entry(3)) == []
    assert [one.raw.offset for one in place.coalesce.entries()] == [1, 2, 3]
    done = row(journal_offset=1, purchase_due=True)
    place.finish(job, done, settle_until=77.0)
    (following,) = place.jobs()
    assert offsets(following) == [2, 3]
    assert (following.row, following.settle_until) == (done, 77.0)
    assert following.purchase, "its purchase is still due"
    place.finish(following)
    assert place.coalesce.unfinished == 0
    assert list(place.coalesce.entries()) == []


def test_the_next_job_of_an_order_has_the_row_that_the_last_one_left(place: Place) -> None:
    (job,) = place.jobs(entry(1))
    left = row(journal_offset=1, event_id="e9")
    place.finish(job, left)
    (following,) = place.jobs(entry(2))
    assert following.row == left


def test_an_intent_that_lies_in_kafka_is_what_the_ledger_holds(place: Place) -> None:
    (job,) = place.jobs(entry(1))
    intent = row(outcome=Outcome.SENDING, event_id=None)
    place.coalesce.stored(0, 7, CODEC.encode(intent))
    assert place.coalesce.unfinished_row() == (job, intent)


def test_a_job_that_failed_as_a_trial_is_let_go_with_what_waited_behind_it(place: Place) -> None:
    (job,) = place.jobs(entry(1))
    place.jobs(entry(2))
    place.coalesce.forget(job)
    assert place.coalesce.unfinished == 0
    assert place.coalesce.unfinished_row() is None


def test_a_later_entry_of_an_order_whose_trial_failed_is_one_job_with_the_earlier_ones(place: Place) -> None:
    """Alone, its row would say that they are done, and a purchase would be passed over."""
    (tried,) = place.jobs(entry(1, log_type=1))
    place.submit(entry(2))
    place.poll()
    intent = row(outcome=Outcome.SENDING, event_id=None, journal_offset=-1)
    place.coalesce.stored(0, 7, CODEC.encode(intent))
    place.coalesce.forget(tried)
    assert [one.raw.offset for one in place.coalesce.entries()] == [1, 2], "they have no outcome yet"
    (job,) = place.jobs(entry(3))
    assert (offsets(job), job.purchase, job.row) == ([1, 2, 3], True, intent)
    place.finish(job)
    assert list(place.coalesce.entries()) == []


def test_what_failed_as_a_trial_comes_again_once_after_its_partition_was_restored(place: Place) -> None:
    (tried,) = place.jobs(entry(1, log_type=1))
    place.coalesce.forget(tried)
    place.coalesce.revoke({0})
    place.assign(0)
    (job,) = place.jobs(entry(1, log_type=1))
    assert offsets(job) == [1]


def test_the_end_of_a_job_that_was_dropped_meanwhile_touches_no_other_job_of_the_order(place: Place) -> None:
    (old,) = place.jobs(entry(1))
    place.coalesce.revoke({0})
    place.assign(0)
    (new,) = place.jobs(entry(1))
    place.finish(old)
    place.coalesce.forget(old)
    assert place.coalesce.unfinished_row() is not None
    assert place.coalesce.unfinished == 1
    place.finish(new)
    assert place.coalesce.unfinished == 0


# ---- how much it takes


def test_room_is_what_is_left_of_the_most_jobs() -> None:
    place = Place(most=3)
    assert place.coalesce.room == 3
    place.submit(entry(1, 1), entry(2, 2))
    assert place.coalesce.room == 1
    one, _ = place.jobs()
    assert place.coalesce.room == 1
    place.finish(one)
    assert place.coalesce.room == 2
    place.coalesce.close()


def test_while_the_registry_is_unreachable_entries_wait_and_no_more_are_taken_than_there_is_room_for() -> None:
    """What waited for a row used to grow by 500 entries in each turn of the loop."""
    place = Place(most=100)
    place.knows(7, row())
    place.codec.error = RegistryUnavailable("no answer")
    offset = 0
    for _ in range(20):
        for _ in range(min(500, place.coalesce.room)):
            offset += 1
            place.submit(entry(offset))
        assert place.poll(0.1) == []
    assert place.coalesce.unfinished == 100
    assert place.coalesce.room == 0
    place.codec.error = None
    found = place.poll(REGISTRY_PAUSE_SECONDS, room=0)
    assert len(found) == 9, "those up to the row's offset were done before"
    (job,) = place.jobs()
    assert offsets(job) == list(range(10, 101))
    place.coalesce.close()


def test_an_unreachable_registry_is_asked_again_after_a_pause_only(place: Place) -> None:
    place.knows(7, row())
    asked: list[int] = []

    def decode(value: bytes, kind: Any) -> Any:
        asked.append(1)
        raise RegistryUnavailable("no answer")

    place.codec.decode = decode  # type: ignore[method-assign]
    place.submit(entry(10))
    for _ in range(10):
        place.poll(REGISTRY_PAUSE_SECONDS / 10)
    assert len(asked) == 1
    place.poll(REGISTRY_PAUSE_SECONDS)
    assert len(asked) == 2


# ---- rows that can't be trusted


def test_a_row_that_cannot_be_read_is_treated_as_an_intent_on_a_purchase_that_is_due(place: Place) -> None:
    place.knows(7, b"rubbish")
    (job,) = place.jobs(entry(1, log_type=11))
    assert job.uncertain
    assert job.purchase
    assert job.settle_until == 1000.0 + TAKEOVER_SECONDS


def test_rows_of_a_schema_that_nobody_knows_need_a_person(place: Place) -> None:
    place.knows(7, row())
    place.codec.error = UnknownSchema("schema 12 is not known")
    place.submit(entry(1))
    with pytest.raises(NeedsOperator, match="schema registry"):
        place.poll()


def test_a_damaged_file_ends_the_membership(place: Place) -> None:
    place.ledger._db.execute("DROP TABLE rows_0")
    place.submit(entry(1))
    with pytest.raises(Torn):
        place.poll()


@pytest.mark.parametrize(
    ("known", "rows_lost", "seconds", "waits"),
    [
        pytest.param(None, False, 0.0, False, id="a new order"),
        pytest.param(row(), False, 0.0, False, id="an order with an outcome"),
        pytest.param(row(outcome=Outcome.SENDING, event_id=None), False, 0.0, True, id="an intent at assignment"),
        pytest.param(None, True, 0.0, True, id="the rows were lost, and intents perhaps among them"),
        pytest.param(None, True, TAKEOVER_SECONDS, False, id="the rows were lost long ago"),
        pytest.param(row(), True, 0.0, False, id="a purchase that is known although rows were lost"),
        pytest.param(row(event_id=None), True, 0.0, True, id="a contact written after the rows were lost"),
    ],
)
def test_an_order_waits_where_a_create_of_an_earlier_owner_may_be_alive(
    known: Delivery | None, rows_lost: bool, seconds: float, waits: bool
) -> None:
    place = Place(rows_lost=rows_lost)
    if known is not None:
        place.knows(7, known)
    place.now += seconds
    (job,) = place.jobs(entry(10))
    assert job.settle_until == (1000.0 + TAKEOVER_SECONDS if waits else 0.0)
    place.coalesce.close()


# ---- partitions come and go


def test_what_belongs_to_a_revoked_partition_is_dropped_wherever_it_is(place: Place) -> None:
    place.assign(1)
    handed_on = place.jobs(entry(1, 1), elsewhere(entry(1, 2), 1))
    assert len(handed_on) == 2
    place.jobs(entry(2, 3), elsewhere(entry(2, 4), 1), room=0)
    place.submit(entry(3, 5), elsewhere(entry(3, 6), 1))
    place.coalesce.revoke({0})
    assert place.coalesce.unfinished == 3
    assert sorted(job.order_id for job in place.jobs()) == [4, 6]
    assert {one.raw.partition for one in place.coalesce.entries()} == {1}


def test_an_outcome_that_comes_after_a_revocation_is_written_into_no_ledger(place: Place) -> None:
    (job,) = place.jobs(entry(1))
    place.coalesce.revoke({0})
    place.ledger.drop(0)
    place.finish(job)
    assert place.coalesce.unfinished == 0
