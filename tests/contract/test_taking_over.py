"""What a partition's new owner must read to the end, and wait for, tried against our own pieces."""

import time
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.restore.ledger import Ledger
from processor.restore.restore import Assignment
from runtime.topic_identity import topic_id
from schemas.progress import Progress
from schemas.topics import order_key
from tests.contract.place import Place, has, until_ready
from tests.harness.waiting import wait_until


class Away:
    """An AdminClient that times out at first."""

    def __init__(self, admin: AdminClient, times: int) -> None:
        self._admin, self._times = admin, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._admin, name)

    def list_offsets(self, asked: dict[TopicPartition, Any], **options: Any) -> Any:
        """Fail, or ask."""
        self._times -= 1
        if self._times < 0:
            return self._admin.list_offsets(asked, **options)
        time.sleep(1.5)  # meanwhile the loader comes to the end
        failed: Future[Any] = Future()
        failed.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return dict.fromkeys(asked, failed)


def test_the_ledger_is_read_to_its_true_end_past_an_open_transaction(place: Place) -> None:
    """Watermarks and end-of-partition stop at the last stable offset, in front of rows that are committed already."""
    open_one, done = place.producer(f"{place.prefix}-open"), place.producer(f"{place.prefix}-done")
    for one in (open_one, done):
        one.init_transactions(30)
        one.begin_transaction()
    open_one.produce(place.topics.deliveries, place.row(), order_key(1), partition=0)
    open_one.flush(30)
    done.produce(place.topics.deliveries, place.row("late"), order_key(2), partition=0)
    done.commit_transaction(30)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    _, seen = member.get_watermark_offsets(TopicPartition(place.topics.deliveries, 0), timeout=30)
    assert seen == 0  # the fact
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert assignment.step() == []
    open_one.abort_transaction(30)
    until_ready(assignment)
    row = ledger.get(0, 2)
    assert row is not None and row.event_id == "late"
    assert ledger.get(0, 1) is None
    ledger.close()


def test_offsets_of_an_open_transaction_are_waited_for_and_not_guessed(place: Place) -> None:
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    dying = place.producer(f"{place.prefix}-dying")
    dying.init_transactions(30)
    dying.begin_transaction()
    metadata = Progress(topic_id(place.admin, place.topics.journal)).encode()
    offsets = [TopicPartition(place.topics.journal, 0, 2, metadata)]
    dying.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 30)
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    for _ in range(2):
        assert assignment.step() == []
    dying.commit_transaction(30)
    ready = until_ready(assignment)
    assert ready[0].tracker.committable == 2
    ledger.close()


def test_rows_of_a_transaction_that_was_waited_for_are_loaded_wherever_they_lie(place: Place) -> None:
    """Its offsets may reach the broker before its rows: then the rows lie after the end that was asked for first."""
    place.entries(0, 0, 0)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    late = place.producer(f"{place.prefix}-late")
    late.init_transactions(30)
    late.begin_transaction()
    metadata = Progress(topic_id(place.admin, place.topics.journal)).encode()
    late.send_offsets_to_transaction(
        [TopicPartition(place.topics.journal, 0, 2, metadata)], member.consumer_group_metadata(), 30
    )
    assignment = place.assignment(member, ledger)
    assignment.begin({0})
    for _ in range(2):
        assert assignment.step() == []
    late.produce(place.topics.deliveries, place.row("late"), order_key(2), partition=0)
    late.commit_transaction(30)
    until_ready(assignment)
    row = ledger.get(0, 2)
    assert row is not None and row.event_id == "late"
    ledger.close()


def test_a_broker_that_does_not_answer_at_first_delays_an_assignment_and_does_not_stall_it(place: Place) -> None:
    """The end of a partition is reported once: it must not be forgotten while the ledger's own end is still unknown."""
    sender = place.producer(f"{place.prefix}-rows")
    sender.init_transactions(30)
    sender.begin_transaction()
    sender.produce(place.topics.deliveries, place.row(), order_key(1), partition=0)
    sender.commit_transaction(30)
    member, ledger = place.member(), Ledger(place.codec)
    wait_until(has(2, member), 60, "it is a member")
    loader = place.consumer(f"{place.prefix}-ledger")
    away = Away(place.admin, times=2)
    assignment = Assignment(member, loader, away, ledger, place.topics, time.monotonic)  # type: ignore[arg-type]
    assignment.begin({0})
    until_ready(assignment)
    assert ledger.get(0, 1) is not None
    ledger.close()


def test_the_broker_names_a_timed_out_committed_as_an_error_and_not_as_no_offset(place: Place) -> None:
    """`committed` on an open transaction raises: were it to answer -1, everything would be read again from 0."""
    member = place.member()
    wait_until(has(2, member), 60, "it is a member")
    dying = place.producer(f"{place.prefix}-dying")
    dying.init_transactions(30)
    dying.begin_transaction()
    offsets = [TopicPartition(place.topics.journal, 0, 2)]
    dying.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 30)
    with pytest.raises(KafkaException):
        member.committed([TopicPartition(place.topics.journal, 0)], timeout=1.0)
    dying.abort_transaction(30)
