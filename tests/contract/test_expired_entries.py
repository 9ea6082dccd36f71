"""Entries and offsets that are gone before they were read, tried against our own pieces."""

import time
from datetime import timedelta

import pytest
from confluent_kafka import Producer, TopicPartition

from processor.clock import boottime
from processor.commit.stage import Commit
from processor.consume.source import HIGH, Source
from processor.errors import Overtaken
from processor.job import Raw
from processor.restore.ledger import Ledger
from processor.values import Passed
from schemas.progress import Gap, read_progress
from tests.contract.place import Place, has, until_ready, written
from tests.harness.waiting import wait_until


def test_entries_that_expire_under_a_member_that_waits_are_noticed_before_it_reads_on(place: Place) -> None:
    """The client itself would read on from the new beginning without a word."""
    plain = Producer({"bootstrap.servers": place.kafka})
    for _ in range(3 * HIGH):
        plain.produce(place.topics.journal, b"an entry", b"1", partition=0)
    assert plain.flush(30) == 0
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    source = Source(member, place.codec, place.topics.journal)
    wait_until(lambda: source.open(place.partition(0)), 30, "the partition can be sought in")
    wait_until(lambda: _polled(source) >= HIGH, 60, "the queue is full")
    for _ in range(20):  # what the client holds already
        _polled(source)
    queued = _polled(source)
    for future in place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3 * HIGH - 5)]).values():
        future.result()
    member.seek(TopicPartition(place.topics.journal, 0, queued))  # nothing of it is held any more
    with pytest.raises(Overtaken, match=f"begins at {3 * HIGH - 5}"):
        wait_until(lambda: _polled(source, 500) < 0, 60, "the hole is noticed")
    source.close()


def test_entries_that_were_done_without_a_row_left_are_reported_as_lost_rows(place: Place) -> None:
    """The ledger's topic was deleted: an intent may have been in it, and a create on that may still be alive."""
    place.entries(0, 0, 1)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    commit = place.commit(member)
    first_is_done(place, commit)
    restore = place.restore(member, ledger)
    restore.begin({0, 1}, boottime())
    ready = until_ready(restore, 2)
    assert (ready[0].rows_lost, ready[1].rows_lost) == (True, False)
    ledger.close()


def test_entries_that_expired_unread_are_a_gap_since_the_last_commit(place: Place) -> None:
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    commit = place.commit(member)
    first_is_done(place, commit)
    deleted = place.admin.delete_records([TopicPartition(place.topics.journal, 0, 3)])
    for future in deleted.values():
        future.result()
    restore = place.restore(member, ledger)
    restore.begin({0}, boottime())
    ready = until_ready(restore)
    assert ready[0].position == 3
    assert ready[0].new_gap
    gap = ready[0].progress.gap
    assert gap is not None
    kept = timedelta(days=33).total_seconds()  # what lay there unread at that time may be as old as the topic keeps
    assert abs(gap.since + kept - time.time()) < 600
    commit.assign(ready[0])
    assert written(commit), "a new gap is committed by itself"
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
    restore = place.restore(member, ledger)
    restore.begin({0, 1}, boottime())
    ready = until_ready(restore, 2)
    assert ready[0].position == 1
    assert isinstance(ready[0].progress.gap, Gap) and ready[0].progress.gap.since == 0
    assert ready[1].progress.gap is None and ready[1].position == 0
    ledger.close()


def first_is_done(place: Place, commit: Commit) -> None:
    """Commit partition 0 behind its first entry, without a row."""
    commit.assign(place.partition(0))
    first = Raw(0, 0, b"1", b"an entry", ())
    commit.start(first)
    commit.submit(Passed(first))
    assert written(commit)


def _polled(source: Source, room: int = 0) -> int:
    """Poll once; return how many entries are in the queue."""
    list(source.poll(boottime(), room, 0.1))
    return len(source._queues[0].raw)
