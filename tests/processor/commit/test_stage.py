"""What each transaction holds, when it is written, and what becomes of it when Kafka rejects it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from processor.commit.policy import COMMIT_SECONDS, RETRY_SECONDS
from processor.commit.stage import MOST_REFUSED, Commit
from processor.dead_letters import dead_letter
from processor.errors import TopicReplaced
from processor.job import Job
from processor.partition import Partition
from processor.values import Acknowledged, Intent, Passed, Recorded, Released
from runtime.health import Health
from runtime.refusals import Refusals
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, Unanswered
from schemas.codec import make_codec
from schemas.progress import Gap, Progress, read_progress
from schemas.records import Delivery, Outcome
from schemas.topics import Topics, order_key
from tests.processor.by_hand import Threads, by_hand
from tests.processor.deliver.attempts import a_job, an_attempt
from tests.processor.entries import entry, row

TOPICS = Topics("shop")
CODEC = make_codec(TOPICS, None)
REJECTED = NotCommitted("the record is too large")


class Writer:
    """Kafka: what was written, or the next error."""

    def __init__(self) -> None:
        self.opened, self.fails = False, list[BaseException]()
        self.written: list[tuple[list[OutgoingMessage], list[TopicPartition], Any]] = []

    def open(self) -> None:
        self.opened = True

    def write(self, messages: list[OutgoingMessage], offsets: list[TopicPartition], metadata: Any) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.written.append((messages, offsets, metadata))


class Place:
    """Commit between fake neighbours; `kafka` ends the transaction under way."""

    def __init__(self, threads: Threads) -> None:
        self.now, self.threads, self.writer = 1000.0, threads, Writer()
        self.generation = 1
        self.refusals = Refusals(Health())
        self.commit = Commit(self.writer, lambda: self.generation, TOPICS, CODEC, self.refusals)
        self.acknowledged: list[Acknowledged] = []
        self.assign(0)

    def assign(self, number: int, position: int = 10, **progress: Any) -> None:
        new_gap = progress.pop("new_gap", False)
        self.commit.assign(Partition(number, "T", 0.0, position, Progress("T", **progress), new_gap))

    def take(self, offset: int, partition: int = 0) -> Any:
        raw = in_partition(entry(offset), partition).raw
        self.commit.start(raw)
        return raw

    def record(self, order_id: int, offset: int, partition: int = 0, event_id: str = "e1", streak: int = 0) -> Job:
        """An order was taken, and has its outcome."""
        raw = self.take(offset, partition)
        job = a_job(order_id, None, in_partition(entry(offset, order_id), partition), partition=partition)
        after = row(event_id=event_id)
        self.commit.submit(Recorded((raw,), streak, job, after, CODEC.encode(after)))
        return job

    def intend(self, order_id: int, before: Delivery | None = None, partition: int = 0) -> Intent:
        intent = Intent(a_job(order_id, before, partition=partition), "c1", an_attempt())
        self.commit.submit(intent)
        return intent

    def poll(self, seconds: float = 0.0, at_once: bool = False) -> None:
        self.now += seconds
        self.acknowledged += self.commit.poll(self.now, at_once)

    def kafka(self, *fails: BaseException) -> None:
        self.writer.fails += fails
        self.threads.run_all()

    def flush(self) -> None:
        for _ in range(2):
            self.poll(COMMIT_SECONDS)
            self.kafka()
        self.poll()

    def rows(self, number: int = -1) -> dict[bytes, Delivery | None]:
        """What a transaction wrote into the ledger."""
        messages = [one for one in self.writer.written[number][0] if one.topic == TOPICS.deliveries]
        return {one.key or b"": None if one.value is None else CODEC.decode(one.value, Delivery) for one in messages}

    def offsets(self, number: int = -1) -> dict[int, int]:
        return {one.partition: one.offset for one in self.writer.written[number][1]}

    def progress(self, number: int = -1) -> Progress:
        found = read_progress(self.writer.written[number][1][0].metadata)
        assert found is not None
        return found


def in_partition(one: Any, partition: int) -> Any:
    return replace(one, raw=replace(one.raw, partition=partition))


@pytest.fixture
def place() -> Iterator[Place]:
    with by_hand("processor.commit.stage") as threads:
        yield Place(threads)


# ---- what a transaction holds


def test_rows_and_the_offset_behind_them_are_one_transaction(place: Place) -> None:
    place.record(7, 10)
    place.record(8, 11)
    place.flush()
    assert len(place.writer.written) == 1
    messages, offsets, _ = place.writer.written[0]
    assert [(one.topic, one.partition, one.key) for one in messages] == [
        (TOPICS.deliveries, 0, order_key(7)), (TOPICS.deliveries, 0, order_key(8)),
    ]  # fmt: skip
    assert [(one.topic, one.partition, one.offset) for one in offsets] == [(TOPICS.journal, 0, 12)]
    assert (place.progress().topic_id, place.progress().at > 0) == ("T", True)
    assert place.commit.idle


def test_a_dead_letter_goes_with_its_row_under_the_key_of_its_place(place: Place) -> None:
    raw = place.take(10)
    job = a_job(7)
    letter = dead_letter(raw, TOPICS.journal, "rejected", ValueError("no"), 3)
    place.commit.submit(Recorded((raw,), 4, job, row(), CODEC.encode(row()), ((raw, letter),)))
    place.flush()
    *_, message = place.writer.written[0][0]
    assert (message.topic, message.partition, message.key) == (TOPICS.dead_letters, 0, b"0/10")
    assert ("error.reason", b"rejected") in message.headers
    assert (place.offsets(), place.progress().dead_streak) == ({0: 11}, 4)


def test_a_letter_of_no_order_moves_the_offset_and_writes_no_row(place: Place) -> None:
    raw = place.take(10)
    letter = dead_letter(raw, TOPICS.journal, "undecodable", ValueError("odd"), 0)
    place.commit.submit(Recorded((raw,), 1, letters=((raw, letter),)))
    place.flush()
    assert (len(place.writer.written[0][0]), place.rows(), place.offsets()) == (1, {}, {0: 11})


def test_what_was_passed_over_moves_the_offset_alone(place: Place) -> None:
    place.commit.submit(Passed(place.take(10)))
    place.flush()
    assert (place.writer.written[0][0], place.offsets()) == ([], {0: 11})


def test_no_offset_goes_past_an_entry_without_an_outcome(place: Place) -> None:
    place.take(10)
    place.record(8, 11)
    assert place.commit.unfinished(0) == 1
    place.flush()
    assert place.offsets() == {0: 10}


def test_the_offset_of_every_partition_that_is_written_for_goes_along_moved_or_not(place: Place) -> None:
    place.assign(1, position=70)
    place.assign(2, position=90)
    place.intend(7)
    place.intend(8, partition=1)
    place.flush()
    assert place.offsets() == {0: 10, 1: 70}


def test_a_new_gap_is_committed_even_when_no_entry_comes(place: Place) -> None:
    gap = Gap("g1", 5)
    place.assign(1, position=70, new_gap=True, gap=gap)
    place.flush()
    assert (place.offsets(), place.progress().gap) == ({1: 70}, gap)


def test_an_intent_is_a_row_and_acknowledged_with_the_time_its_transaction_was_begun(place: Place) -> None:
    intent = place.intend(7)
    place.poll()
    began = place.now
    place.poll(3.0)
    assert place.acknowledged == []
    place.kafka()
    place.poll(1.0)
    (found,) = place.acknowledged
    assert (found.intent, found.began) == (intent, began)
    sending = CODEC.decode(found.value, Delivery)
    assert (sending.outcome, sending.contact_id, sending.journal_offset) == (Outcome.SENDING, "c1", -1)
    assert place.rows() == {order_key(7): sending}


def test_the_groups_metadata_are_those_of_the_moment_it_was_begun(place: Place) -> None:
    place.record(7, 10)
    place.poll()
    place.generation = 2
    place.kafka()
    place.record(8, 11)
    place.flush()
    assert [metadata for *_, metadata in place.writer.written] == [1, 2]


def test_an_intent_of_an_earlier_assignment_is_not_acknowledged_to_the_next_one(place: Place) -> None:
    place.assign(1)
    place.intend(7)
    kept = place.intend(8, partition=1)
    place.poll()
    place.commit.lose({0})
    place.assign(0)  # given back while the transaction is still under way: its rows may be newer by now
    place.kafka()
    place.poll()
    assert [found.intent for found in place.acknowledged] == [kept]


# ---- an intent is taken back


@pytest.mark.parametrize("before", [None, row(event_id=None, purchase_due=True)])
@pytest.mark.parametrize("written", [True, False])
def test_an_intent_that_is_taken_back_leaves_the_row_there_was_or_a_tombstone(
    place: Place, before: Delivery | None, written: bool
) -> None:
    intent = place.intend(7, before)
    if written:
        place.poll()
        place.kafka()
        place.poll()
    place.commit.submit(Released(intent.job))
    place.flush()
    assert place.rows() == {order_key(7): before}
    assert place.offsets() == {0: 10}


def test_an_intent_is_taken_back_behind_the_transaction_that_writes_it_however_that_ends(place: Place) -> None:
    for fails in ([], [REJECTED]):
        intent = place.intend(7)
        place.poll(COMMIT_SECONDS)
        place.commit.submit(Released(intent.job))
        place.kafka(*fails)
        place.flush()
        assert place.rows() == {order_key(7): None}


# ---- when


def test_one_transaction_is_under_way_at_a_time_and_what_comes_meanwhile_is_the_next_one(place: Place) -> None:
    place.record(7, 10)
    place.poll()
    place.record(8, 11)
    place.poll(COMMIT_SECONDS)
    assert len(place.threads) == 1
    assert not place.commit.idle
    place.kafka()
    place.poll()
    place.kafka()
    place.poll()
    assert [list(place.rows(number)) for number in (0, 1)] == [[order_key(7)], [order_key(8)]]
    assert place.commit.idle


def test_with_nothing_to_write_none_is_begun(place: Place) -> None:
    place.take(10)
    place.poll(100.0, at_once=True)
    assert len(place.threads) == 0
    assert place.commit.idle


def test_on_the_way_out_a_transaction_is_begun_at_once_also_after_a_rejection(place: Place) -> None:
    place.record(7, 10)
    place.poll()
    place.kafka()
    place.record(8, 11)
    place.poll()
    assert len(place.threads) == 0
    place.poll(at_once=True)
    place.kafka(REJECTED)
    place.poll(at_once=True)
    place.kafka()
    assert place.offsets() == {0: 12}


# ---- Kafka rejects it


def test_what_was_rejected_is_written_with_what_came_meanwhile_after_a_moment(place: Place) -> None:
    place.record(7, 10)
    place.poll()
    place.record(8, 11)
    place.kafka(REJECTED)
    place.poll()
    place.poll(RETRY_SECONDS / 2)
    assert len(place.threads) == 0
    place.poll(COMMIT_SECONDS)
    place.kafka()
    place.poll()
    assert set(place.rows()) == {order_key(7), order_key(8)}
    assert place.offsets() == {0: 12}


def test_of_an_order_the_newer_row_is_written_after_a_rejection(place: Place) -> None:
    intent = place.intend(7)
    place.poll()
    place.record(7, 10, event_id="newer")
    place.kafka(REJECTED)
    place.flush()
    (left,) = place.rows().values()
    assert left is not None
    assert left.event_id == "newer"
    assert [found.intent for found in place.acknowledged] == [intent]


def test_an_intent_that_was_rejected_is_acknowledged_by_the_transaction_that_holds_it(place: Place) -> None:
    place.intend(7)
    place.poll()
    place.kafka(REJECTED)
    place.poll()
    assert place.acknowledged == []
    place.flush()
    (found,) = place.acknowledged
    assert found.began > 1000.0


def test_intents_too_are_written_again_after_a_moment_only(place: Place) -> None:
    place.intend(7)
    place.poll()
    place.kafka(REJECTED)
    place.poll(0.1)
    place.poll(RETRY_SECONDS - 0.1)
    assert len(place.threads) == 0
    place.poll(0.1)
    assert len(place.threads) == 1


def test_dead_letters_of_a_rejected_transaction_are_not_lost(place: Place) -> None:
    raw = place.take(10)
    letter = dead_letter(raw, TOPICS.journal, "rejected", None, 0)
    place.commit.submit(Recorded((raw,), 1, letters=((raw, letter),)))
    place.poll()
    place.kafka(REJECTED)
    place.flush()
    assert [one.key for one in place.writer.written[0][0]] == [b"0/10"]


@pytest.mark.parametrize("again", [False, True])
def test_of_a_rejected_transaction_nothing_is_written_for_a_partition_that_went_meanwhile(
    place: Place, again: bool
) -> None:
    place.assign(1, position=70)
    place.record(7, 10)
    place.record(8, 70, partition=1)
    place.intend(9, partition=1)
    raw = place.take(71, partition=1)
    place.commit.submit(Recorded((raw,), 1, letters=((raw, dead_letter(raw, TOPICS.journal, "odd", None, 0)),)))
    place.poll()
    place.commit.lose({1})
    if again:
        place.assign(1, position=70)
    place.kafka(REJECTED)
    place.flush()
    assert (set(place.rows()), place.offsets()) == ({order_key(7)}, {0: 11})
    assert len(place.writer.written[0][0]) == 1
    assert place.acknowledged == []
    assert place.commit.idle


def test_what_is_not_begun_is_dropped_with_its_partition_and_a_revoke_alone_drops_nothing(place: Place) -> None:
    place.assign(1, position=70)
    place.record(7, 10)
    place.record(8, 70, partition=1)
    place.commit.revoke({0, 1})
    place.commit.lose({1})
    assert place.commit.partitions == {0}
    place.flush()
    assert (set(place.rows()), place.offsets()) == ({order_key(7)}, {0: 11})


def test_twenty_rejections_in_a_row_end_the_membership(place: Place) -> None:
    place.record(7, 10)
    for _ in range(MOST_REFUSED - 1):
        place.poll(COMMIT_SECONDS)
        place.kafka(REJECTED)
        place.poll()
    place.poll(COMMIT_SECONDS)
    place.kafka(REJECTED)
    with pytest.raises(Fenced, match="20 transactions in a row were rejected: the record is too large"):
        place.poll()


def test_an_accepted_transaction_begins_the_count_of_rejections_again(place: Place) -> None:
    for offset in range(10, 13):
        place.record(offset, offset)
        for _ in range(MOST_REFUSED - 1):
            place.poll(COMMIT_SECONDS)
            place.kafka(REJECTED)
            place.poll()
        place.flush()
    assert place.offsets() == {0: 13}


def test_a_rejection_raises_doubt_until_a_row_written_as_it_is_was_accepted(place: Place) -> None:
    job = place.record(7, 10)
    place.poll()
    place.kafka(REJECTED)
    place.poll()
    assert place.commit.doubted
    place.commit.lose({0})  # what was rejected is gone
    place.assign(0)
    assert place.commit.idle
    place.commit.rewrite(job, row(event_id="as it was"))
    place.flush()
    assert not place.commit.doubted
    assert place.rows() == {order_key(7): row(event_id="as it was")}
    assert place.offsets() == {0: 10}


@pytest.mark.parametrize("error", [Fenced("another one has its id"), Unanswered("timed out")])
def test_a_writer_that_can_not_continue_ends_the_membership_and_raises_doubt(place: Place, error: Fenced) -> None:
    place.record(7, 10)
    place.poll()
    place.kafka(error)
    with pytest.raises(Fenced, match=str(error)):
        place.poll()
    assert place.refusals.doubted
    assert place.acknowledged == []


def test_an_error_that_nobody_foresaw_is_not_taken_for_a_rejection(place: Place) -> None:
    place.record(7, 10)
    place.poll()
    place.kafka(ValueError("odd"))
    with pytest.raises(ValueError, match="odd"):
        place.poll()


# ---- its beginning and its end


def test_dead_letters_in_a_row_from_before_are_carried_on_until_an_outcome_says_otherwise(place: Place) -> None:
    place.assign(1, position=70, dead_streak=5)
    place.commit.submit(Passed(place.take(10)))
    place.flush()
    assert place.progress().dead_streak == 5
    place.record(7, 11, streak=0)
    place.flush()
    assert place.progress().dead_streak == 0


def test_an_offset_that_was_taken_before_means_that_the_topic_was_recreated(place: Place) -> None:
    place.take(10)
    with pytest.raises(TopicReplaced, match="was recreated"):
        place.take(10)


def test_the_writer_is_opened_on_joining_and_what_is_waited_for_is_bounded() -> None:
    writer = Writer()
    commit = Commit(writer, lambda: 1, TOPICS, CODEC, Refusals(Health()))
    commit.open()
    assert writer.opened
    commit.join(0.01)
    commit.assign(Partition(0, "T", 0.0, 10, Progress("T")))
    commit.submit(Released(a_job(7)))
    assert list(commit.poll(0.0, at_once=True)) == []
    commit.join(10.0)
    assert list(commit.poll(0.0)) == []
    assert (commit.idle, len(writer.written)) == (True, 1)
    commit.close()


def test_closing_waits_for_no_transaction_that_never_ends() -> None:
    never = threading.Event()
    writer = Writer()
    hang: Callable[..., Any] = lambda *_: never.wait(60)  # noqa: E731
    writer.write = hang  # type: ignore[method-assign]
    commit = Commit(writer, lambda: 1, TOPICS, CODEC, Refusals(Health()))
    commit.assign(Partition(0, "T", 0.0, 10, Progress("T")))
    commit.submit(Released(a_job(7)))
    list(commit.poll(0.0, at_once=True))
    commit.join(0.01)
    assert not commit.idle
    commit.close()
    never.set()
