"""What a failed step means: nothing counts and the writer may try again, or the writer is done for."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from runtime import transaction
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, TransactionalWriter, Unanswered

MESSAGE = OutgoingMessage("t", 1, b"k", b"v", (("h", b"1"),))
OFFSETS = [TopicPartition("t", 0, 5)]
TIMED_OUT = KafkaException(KafkaError(KafkaError._TIMED_OUT, "timed out", retriable=True))
FATAL = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
TO_ABORT = KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT, "a message timed out", txn_requires_abort=True))


class Client:
    """A producer that notes its calls; `fails` = what a call raises, or does instead."""

    def __init__(self, **fails: BaseException | Callable[..., Any]) -> None:
        self.fails, self.calls = fails, list[str]()
        self.produced: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            fails = self.fails.get(name)
            if isinstance(fails, BaseException):
                raise fails
            if name == "produce":
                self.produced.append((*arguments, *named.values()))
            return fails(*arguments) if callable(fails) else 0

        return call


def writer_over(client: Client, seconds: float = 9.0) -> TransactionalWriter:
    made: Any = lambda: client  # noqa: E731
    writer = TransactionalWriter(made, seconds)
    writer.open()
    client.calls.clear()
    return writer


def test_nothing_is_asked_of_kafka_before_the_writer_is_opened() -> None:
    client = Client()
    made: Any = lambda: client  # noqa: E731
    writer = TransactionalWriter(made)
    assert client.calls == []
    writer.open()
    assert client.calls == ["init_transactions"]


def test_messages_and_offsets_are_written_in_order_and_committed_last() -> None:
    client = Client()
    writer_over(client).write([MESSAGE, MESSAGE], OFFSETS, "metadata")
    assert client.calls == ["begin_transaction", "produce", "produce", "send_offsets_to_transaction",
                            "commit_transaction"]  # fmt: skip
    assert client.produced[0] == ("t", 1, b"k", b"v", [("h", b"1")])


def test_without_offsets_none_are_sent() -> None:
    client = Client()
    writer_over(client).write([MESSAGE])
    assert client.calls == ["begin_transaction", "produce", "commit_transaction"]


@pytest.mark.parametrize("step", ["begin_transaction", "produce", "send_offsets_to_transaction", "commit_transaction"])
def test_a_step_that_kafka_rejects_aborts_the_transaction_and_nothing_counts(step: str) -> None:
    client = Client(**{step: TO_ABORT})
    with pytest.raises(NotCommitted, match="a message timed out"):
        writer_over(client).write([MESSAGE], OFFSETS)
    assert client.calls[-1] == "abort_transaction"
    assert step == "commit_transaction" or "commit_transaction" not in client.calls


@pytest.mark.parametrize("step", ["begin_transaction", "produce", "send_offsets_to_transaction", "commit_transaction"])
def test_a_fatal_error_ends_the_writer_without_an_abort(step: str) -> None:
    client = Client(**{step: FATAL})
    with pytest.raises(Fenced, match="fenced") as caught:
        writer_over(client).write([MESSAGE], OFFSETS)
    assert not isinstance(caught.value, Unanswered)
    assert "abort_transaction" not in client.calls


def test_a_commit_without_an_answer_may_have_taken_effect_and_is_not_aborted() -> None:
    client = Client(commit_transaction=TIMED_OUT)
    with pytest.raises(Unanswered, match="timed out"):
        writer_over(client).write([MESSAGE])
    assert "abort_transaction" not in client.calls


def test_a_transaction_that_can_not_be_aborted_ends_the_writer() -> None:
    client = Client(produce=TO_ABORT, abort_transaction=TIMED_OUT)
    with pytest.raises(Fenced, match="abort failed: timed out"):
        writer_over(client).write([MESSAGE])


@pytest.mark.parametrize("aborts", [None, TIMED_OUT])
def test_what_else_is_raised_on_the_way_comes_out_as_it_is(aborts: KafkaException | None) -> None:
    client = Client(**({"abort_transaction": aborts} if aborts else {}))
    writer = writer_over(client)
    with pytest.raises(ValueError, match="odd"), writer.transaction():
        raise ValueError("odd")
    assert client.calls == ["begin_transaction", "abort_transaction"]


def test_a_full_queue_is_waited_for() -> None:
    full = [BufferError(), BufferError()]

    def produce(*_: object) -> None:
        if full:
            raise full.pop()

    client = Client(produce=produce)
    writer_over(client).write([MESSAGE])
    assert client.calls[1:-1] == ["produce", "poll", "produce", "poll", "produce"]


def test_sending_the_offsets_may_never_return_and_nothing_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "LATE_SECONDS", 0.1)
    back = threading.Event()
    client = Client(send_offsets_to_transaction=lambda *_: back.wait(10))
    with pytest.raises(Fenced, match="did not come back"):
        writer_over(client, 0.1).write([MESSAGE], OFFSETS)
    back.set()
    assert {"commit_transaction", "abort_transaction"}.isdisjoint(client.calls)
