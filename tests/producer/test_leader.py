"""Waiting keeps the membership: a lost lead and a stop are seen at once, and calls run beside it."""

import threading
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from producer.leader import Leader, LeadLost, Stopped
from runtime.health import Health

PLACE = [TopicPartition("cursor", 0)]


class Member:
    """A consumer in memory; `then` = what happens at a poll of it, by its number."""

    def __init__(self) -> None:
        self.then: dict[int, Any] = {}
        self.polls = 0
        self.closed = False
        self.hooks: dict[str, Any] = {}

    def subscribe(self, topics: list[str], **hooks: Any) -> None:
        assert topics == ["cursor"]
        self.hooks = hooks

    def consume(self, count: int, seconds: float) -> list[Any]:
        self.polls += 1
        happens = self.then.pop(self.polls, None)
        return (happens() if happens is not None else None) or []

    def __getattr__(self, name: str) -> Any:
        assert name in {"incremental_assign", "incremental_unassign", "pause"}
        return lambda *_: None

    def assign(self) -> None:
        self.hooks["on_assign"](self, PLACE)

    def lose(self) -> None:
        self.hooks["on_lost"](self, PLACE)

    def revoke(self) -> None:
        self.hooks["on_revoke"](self, PLACE)

    def close(self) -> None:
        self.closed = True


class Known:
    """Whether the group has said who leads."""

    known = False

    def assigned(self) -> None:
        self.known = True

    def lost(self) -> None:
        self.known = False


def member() -> tuple[Member, Leader, Event]:
    consumer, stop = Member(), Event()
    broker: Any = SimpleNamespace(look=lambda: None)
    known: Any = Known()
    joined: Any = consumer
    leader = Leader(joined, known, True, broker, Health(), stop)
    leader.join("cursor")
    return consumer, leader, stop


def test_a_member_leads_while_it_owns_the_partition() -> None:
    consumer, leader, _ = member()
    assert (leader.leads, leader.answered) == (False, False)
    consumer.hooks["on_assign"](consumer, [])
    assert (leader.leads, leader.answered) == (False, True)
    consumer.assign()
    assert (leader.leads, leader.answered) == (True, True)
    consumer.revoke()
    assert (leader.leads, leader.answered) == (False, True)
    consumer.assign()
    consumer.lose()
    assert (leader.leads, leader.answered) == (False, False)


def test_a_stand_by_waits_and_a_leader_holds_and_each_wait_polls_at_least_once() -> None:
    consumer, leader, _ = member()
    leader.wait(0)
    consumer.assign()
    leader.hold(0)
    assert consumer.polls == 2


def test_a_lost_lead_ends_a_hold_and_the_wait_for_an_answer() -> None:
    consumer, leader, _ = member()
    consumer.assign()
    consumer.then[3] = consumer.lose
    with pytest.raises(LeadLost):
        leader.hold(3600)
    consumer.assign()
    consumer.then[consumer.polls + 2] = consumer.revoke
    late = threading.Event()
    with pytest.raises(LeadLost):
        leader.ask(lambda: late.wait(60))
    late.set()


def test_a_stop_ends_every_wait() -> None:
    consumer, leader, stop = member()
    consumer.assign()
    consumer.then[3] = stop.set
    with pytest.raises(Stopped):
        leader.wait(3600)


def test_a_call_runs_beside_the_polling_and_brings_its_answer_or_its_error() -> None:
    consumer, leader, _ = member()
    consumer.assign()
    polled = threading.Event()
    consumer.then[2] = polled.set  # only polling lets the call return
    assert leader.ask(lambda: polled.wait(60)) is True

    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        leader.ask(fail)


def test_a_fatal_error_of_the_membership_is_raised_and_another_one_is_not() -> None:
    def message(fatal: bool) -> Any:
        return SimpleNamespace(
            error=lambda: KafkaError(KafkaError._FATAL if fatal else KafkaError._TRANSPORT, fatal=fatal)
        )

    consumer, leader, _ = member()
    consumer.then[1] = lambda: [message(False)]
    leader.wait(0)
    consumer.then[2] = lambda: [message(True)]
    with pytest.raises(KafkaException):
        leader.wait(0)


def test_leaving_closes_the_membership() -> None:
    consumer, leader, _ = member()
    leader.close()
    assert consumer.closed
