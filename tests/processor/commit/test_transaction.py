"""The row of an outcome or an intent, and the transaction that writes it with the offsets."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from clients import Contact, PurchaseEvent
from processor.commit import transaction as record
from processor.commit.offset_tracker import OffsetTracker
from processor.commit.transaction import Batch, Fenced, NotCommitted, Record, final_row, intent_row
from processor.decide.rules import Send
from processor.deliver.existing_purchase import NotShown
from processor.deliver.requests import ask_of
from processor.deliver.state_machine import Ending, Limits, after_failure
from processor.job import Entry, Job, Step
from processor.restore.restore import Partition
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import ASKED_FOR, Delivery, Origin, Outcome
from schemas.topics import Topics
from tests.processor.entries import NOW, entry, row


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


def job(before: Delivery | None, log_type: int = 1, offset: int = 12) -> Job:
    made = Job(7, 0, before, [entry(offset, log_type=log_type)])
    made.send, made.fingerprint = Send(Contact("a@example.com"), None), "x."
    return made


def test_a_row_never_goes_back_and_carries_its_event_on() -> None:
    after = final_row(job(row(journal_offset=20), 16), Ending(Outcome.SKIPPED, "no_email"), "T", NOW)
    assert (after.journal_offset, after.event_id, after.contact_id) == (20, "e1", "c1")


def test_another_topic_starts_its_own_count() -> None:
    after = final_row(job(row(journal_offset=20)), Ending(Outcome.SKIPPED, "no_email"), "NEW", NOW)
    assert after.journal_offset == 12


@pytest.mark.parametrize(("reason", "due"), [("no_email", True), ("unconfirmed", True), ("shop_order", False)])
def test_a_purchase_that_could_not_be_sent_stays_due_unless_the_shop_chose_so(reason: str, due: bool) -> None:
    assert final_row(job(None), Ending(Outcome.SKIPPED, reason), "T", NOW).purchase_due is due


def test_a_dead_purchase_stays_due() -> None:
    assert final_row(job(None), Ending(Outcome.DEAD, "rejected"), "T", NOW).purchase_due


def test_an_intent_moves_no_offset() -> None:
    assert intent_row(job(row(journal_offset=3)), "T", NOW).journal_offset == 3
    assert intent_row(job(None), "T", NOW).journal_offset == -1
    assert intent_row(job(None), "T", NOW).outcome is Outcome.SENDING


RETRACTED = {"outcome": Outcome.RETRACTED, "reason": "retracted", "event_id": None, "fingerprint": None}


def asked_for(offset: int) -> Entry:
    plain = entry(offset, log_type=2, origin=Origin.BACKFILL)
    return replace(plain, raw=replace(plain.raw, headers=((ASKED_FOR, b"1"),)))


@pytest.mark.parametrize("origin", [Origin.JOURNAL, Origin.BACKFILL])
@pytest.mark.parametrize(
    "ending",
    [Ending(Outcome.DELIVERED, "contact"), Ending(Outcome.SKIPPED, "no_email"), Ending(Outcome.DEAD, "rejected")],
)
def test_a_retracted_order_stays_so_whatever_becomes_of_its_later_entries(origin: Origin, ending: Ending) -> None:
    job = Job(7, 0, row(**RETRACTED), [entry(10, log_type=2, origin=origin)])
    assert not job.purchase
    after = final_row(job, ending, "T", NOW)
    assert (after.outcome, after.reason, after.purchase_due) == (Outcome.RETRACTED, "retracted", False)
    assert after.journal_offset == 10


@pytest.mark.parametrize("asking", [asked_for(11), entry(11, log_type=2, origin=Origin.REPLAY)])
def test_a_retracted_order_is_due_again_once_the_operator_asks_for_it(asking: Entry) -> None:
    job = Job(7, 0, row(**RETRACTED), [entry(10, log_type=2, origin=Origin.BACKFILL), asking])
    assert job.purchase
    assert intent_row(job, "T", NOW).outcome is Outcome.SENDING
    after = final_row(job, Ending(Outcome.SKIPPED, "no_email"), "T", NOW)
    assert (after.outcome, after.purchase_due) == (Outcome.SKIPPED, True)


LIMITS = Limits(4, 20, 10, 20)
SENDING = Delivery(Outcome.SENDING, "", True, -1, "T", 1, "A", None, None, NOW)
EVENT = PurchaseEvent("7", NOW, "shop", Decimal(1), "", "", ())


def send() -> Send:
    return Send(Contact("b@example.com"), EVENT)


def after(row: Delivery) -> Job:
    """The order's next job: its buyer is B by now."""
    return Job(7, 0, row, [entry(9)], send=send(), contact_id="B", fingerprint="x.y")


def test_giving_up_keeps_the_contact_that_must_be_looked_at() -> None:
    job = Job(7, 0, SENDING, [entry(5)], step=Step.LOOK, send=send(), contact_id="B", settle_until=1.0, attempts=19)
    ending = after_failure(job, Step.LOOK, NotShown(False), True, 100.0, LIMITS, 1.0)
    assert isinstance(ending, Ending)
    row = final_row(job, ending, "T", NOW)
    assert (row.outcome, row.contact_id) == (Outcome.DEAD, "A")
    assert ask_of(after(row)).intended == {"A"}


@pytest.mark.parametrize("reason", ["rejected", "order_refused", "undecidable"])
def test_failing_for_another_reason_does_so_too(reason: str) -> None:
    job = Job(7, 0, SENDING, [entry(5)], contact_id="B", settle_until=1.0)
    row = final_row(job, Ending(Outcome.DEAD, reason, None, "B"), "T", NOW)
    assert row.contact_id == "A"
    assert ask_of(after(row)).intended == {"A"}


def test_an_intent_of_its_own_came_after_a_look_at_the_earlier_contact_and_replaces_it() -> None:
    job = Job(7, 0, SENDING, [entry(5)], contact_id="B", intended_contact="B", settle_until=1.0)
    assert final_row(job, Ending(Outcome.DEAD, "gave_up", None, "B"), "T", NOW).contact_id == "B"


def test_a_failed_order_whose_purchase_is_known_asks_for_no_other_card() -> None:
    row = Delivery(Outcome.DEAD, "event_gone", True, 5, "T", 1, "A", "E", None, NOW)
    assert ask_of(after(row)).intended == set()
