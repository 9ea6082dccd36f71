"""A client that never comes back must not take the processor with it."""

import threading
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor import record
from processor.assignment import Partition
from processor.record import Batch, Fenced, NotCommitted, Record
from processor.tracker import OffsetTracker
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.topics import Topics


class Client:
    """A producer and a consumer, of which only sending the offsets does something."""

    def __init__(self, send_offsets: Any) -> None:
        self.send_offsets_to_transaction = send_offsets
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.calls.append(name)


def commit(client: Client) -> None:
    topics = Topics("t")
    recorder = Record(lambda _: cast("Any", client), cast("Any", client), make_codec(topics, None), topics, "group")
    partition = Partition(0, "id", 0.0, OffsetTracker(5), Progress("id"))
    recorder.commit(Batch(rows={7: (0, b"row")}, touched={0}), {0: partition}, 0)


def test_sending_the_offsets_may_take_for_ever_and_nothing_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "TRANSACTION_SECONDS", 0.1)
    monkeypatch.setattr(record, "LATE_SECONDS", 0.1)
    back = threading.Event()
    client = Client(lambda *_: back.wait(10))
    with pytest.raises(Fenced, match="did not come back"):
        commit(client)
    back.set()
    assert "commit_transaction" not in client.calls


def test_a_refusal_of_the_offsets_aborts_the_transaction() -> None:
    def refuse(*_: object) -> None:
        raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))

    client = Client(refuse)
    with pytest.raises(NotCommitted):
        commit(client)
    assert client.calls[-1] == "abort_transaction"
    assert "commit_transaction" not in client.calls


def test_offsets_that_were_sent_are_committed() -> None:
    client = Client(lambda *_: None)
    commit(client)
    assert client.calls[-1] == "commit_transaction"
