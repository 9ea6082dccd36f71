"""A client that never comes back must not take the processor with it."""

import threading
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from processor import record
from processor.assignment import Partition
from processor.jobs import Job
from processor.record import Batch, Fenced, NotCommitted, Record, final_row
from processor.tracker import OffsetTracker
from processor.way import Ending
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import Outcome
from schemas.topics import Topics
from tests.processor.entries import entry, row


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


def test_a_row_goes_on_naming_the_contact_that_has_the_purchase_when_the_buyer_is_edited() -> None:
    job = Job(7, 0, row(event_id="e1", contact_id="c1"), [entry(12, log_type=16)])
    job.contact_id = "c2"  # written under the new e-mail
    after = final_row(job, Ending(Outcome.DELIVERED, "contact", "e1", "c2"), "id", datetime.now(UTC))
    assert (after.event_id, after.contact_id) == ("e1", "c1")
    created = Job(7, 0, row(event_id=None, contact_id="c1"), [entry(12)])
    after = final_row(created, Ending(Outcome.DELIVERED, "created", "e2", "c2"), "id", datetime.now(UTC))
    assert (after.event_id, after.contact_id) == ("e2", "c2")
