"""Entries and offsets that are gone before they were read, tried against our own pieces."""

import time
from datetime import timedelta

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from processor.commit.transaction import Batch
from processor.consume.source import HIGH, Intake, Overtaken
from processor.restore.ledger import Ledger
from schemas.progress import Gap, read_progress
from tests.contract.place import Place, has, until_ready
from tests.harness.waiting import wait_until


def test_entries_that_expire_under_a_member_that_waits_are_noticed_before_it_reads_on(place: Place) -> None:
    """The client itself would read on from the new beginning without a word."""
    plain = Producer({"bootstrap.servers": place.kafka})
    for _ in range(3 * HIGH):
        plain.produce(place.topics.journal, b"an entry", b"1", partition=0)
    assert plain.flush(30) == 0
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    intake = Intake(member, place.codec, place.topics.journal, time.monotonic)
    wait_until(lambda: _sought(member, place.topics.journal), 30, "the partition can be sought in")
    intake.open(0, 0, 0)
    wait_until(lambda: intake.poll(0.1) or intake.queued() >= HIGH, 60, "the queue is full")
    for _ in range(20):  # what the client holds already
        intake.poll(0.1)
    for future in place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3 * HIGH - 5)]).values():
        future.result()
    member.seek(TopicPartition(place.topics.journal, 0, intake.queued()))  # nothing of it is held any more
    with pytest.raises(Overtaken, match=f"begins at {3 * HIGH - 5}"):
        for _ in range(200):
            intake.take(500, 0.0)
            intake.poll(0.1)


def test_entries_that_were_done_without_a_row_left_are_reported_as_lost_rows(place: Place) -> None:
    """The ledger's topic was deleted: an intent may have been in it, and a create on that may still be alive."""
    place.entries(0, 0, 1)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    place.record(member).commit(Batch(touched={0}), {0: place.partition(0, 1)}, 0)
    assignment = place.assignment(member, ledger)
    assignment.begin({0, 1})
    ready = until_ready(assignment, 2)
    assert (ready[0].rows_lost, ready[1].rows_lost) == (True, False)
    ledger.close()


def test_entries_that_expired_unread_are_a_gap_since_the_last_commit(place: Place) -> None:
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    place.record(member).commit(Batch(touched={0}), {0: place.partition(0, 1)}, 0)
    deleted = place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3)])
    for future in deleted.values():
        future.result()
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    ready = until_ready(assignment)
    assert ready[0].tracker.committable == 3
    assert ready[0].must_tell
    gap = ready[0].progress.gap
    assert gap is not None
    kept = timedelta(days=33).total_seconds()  # what lay there unread at that time may be as old as the topic keeps
    assert abs(gap.since + kept - time.time()) < 600
    place.record(member).commit(Batch(touched={0}), {0: ready[0]}, 0)
    asked = [TopicPartition(place.topics.journal, 0)]
    metadata = member.committed(asked, timeout=30)[0].metadata
    progress = read_progress(metadata)
    assert progress is not None and progress.gap == gap  # where the producer finds it
    ledger.close()


def test_a_group_without_offsets_on_a_topic_that_lost_its_beginning_is_a_gap_since_the_first_start(
    place: Place,
) -> None:
    place.entries(0, 0)
    for future in place.admin.delete_records([TopicPartition(place.topics.journal, 0, 1)]).values():
        future.result()
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    assignment = place.assignment(member, ledger)
    assignment.begin({0, 1})
    ready = until_ready(assignment, 2)
    assert ready[0].tracker.committable == 1
    assert isinstance(ready[0].progress.gap, Gap) and ready[0].progress.gap.since == 0
    assert ready[1].progress.gap is None and ready[1].tracker.committable == 0
    ledger.close()


def _sought(member: Consumer, topic: str) -> bool:
    """Go to a partition's beginning; False while the client has only begun to take it over."""
    try:
        member.seek(TopicPartition(topic, 0, 0))
    except KafkaException:
        return False
    return True
