"""Ledger rows over any life of an order, against the promises they carry; and the ledger rebuilt from any prefix."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from clients import Contact
from processor.decide.rules import Send
from processor.deliver.attempt import Attempt, Step
from processor.deliver.requests import ask_of
from processor.deliver.state_machine import Next, after_contact
from processor.ending import Ending
from processor.job import Entry, Job, Raw
from processor.ledger_rows import final_row, intent_row
from processor.restore.ledger import Ledger
from schemas.codec import AvroCodec, DecodeError
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics
from tests.harness.cases import cases

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CODEC = AvroCodec(Topics("t"), None)
PURCHASE: Any = object()


class LifeOfAnOrder(RuleBasedStateMachine):
    """Jobs one after the other, each with any ending; sometimes the journal topic is recreated."""

    def __init__(self) -> None:
        super().__init__()
        self.row: Delivery | None = None
        self.topic, self.offset, self.log_id, self.events = 0, -1, 0, 0
        self.due = False
        self.event: str | None = None

    @rule()
    def the_topic_is_recreated(self) -> None:
        self.topic, self.offset = self.topic + 1, -1

    @rule(
        types=st.lists(st.sampled_from([1, 2, 11, 16]), min_size=1, max_size=3),
        ending=st.sampled_from(
            ["created", "adopted", "updated", "unchanged", "contact", "no_email", "unconfirmed", "order_unknown",
             "shop_order", "return_order", "rejected", "gave_up", "event_gone", "killed"]
        ),
        back=st.none() | st.integers(0, 9),
    )  # fmt: skip
    def a_job(self, types: list[int], ending: str, back: int | None) -> None:
        if back is None or self.offset < 0:
            self.offset += 1 + len(types)
            self.log_id += len(types)
        offset = max(len(types), self.offset - (back or 0))  # a replay comes with entries of before
        entries = tuple(an_entry(offset - at, kind, self.log_id) for at, kind in enumerate(types))
        job = Job(7, 0, entries, self.row)
        wanted = job.purchase
        assert wanted is (self.due or bool({1, 2} & set(types)))
        decided = ending in {
            "created",
            "adopted",
            "updated",
            "unchanged",
            "contact",
            "rejected",
            "gave_up",
            "event_gone",
            "killed",
        }
        intended = None
        if decided and wanted and self.event is None and ending != "contact":
            intended = "c1"
            self.keep(intent_row(job, intended, f"T{self.topic}", NOW))
            assert self.row is not None
            assert self.row.outcome is Outcome.SENDING
            self.due = True
        if ending == "killed":
            return
        self.end(job, ending, wanted, "c1" if decided else None, intended)

    def end(self, job: Job, ending: str, wanted: bool, contact: str | None, intended: str | None) -> None:
        before = job.row.event_id if job.row is not None else None
        if ending in {"created", "adopted"} and wanted and self.event is None:
            self.events += 1
            self.event = f"e{self.events}"
            result = Ending(job, Outcome.DELIVERED, ending, self.event, "c1")
        elif ending in {"created", "adopted", "updated", "unchanged", "contact"}:
            if wanted and self.event is None:
                return  # not a possible ending: a purchase that is due is created or adopted
            result = Ending(job, Outcome.DELIVERED, ending, before, "c1")
        elif ending in {"rejected", "gave_up", "event_gone"}:
            result = Ending(job, Outcome.DEAD, ending, before, contact)
        else:
            result = Ending(job, Outcome.SKIPPED, ending)
        sent = result.outcome is Outcome.DELIVERED
        fingerprint = f"x.{'y' if wanted else ''}" if sent else None
        result = replace(result, fingerprint=fingerprint, with_purchase=sent and wanted, intended_contact=intended)
        self.due = wanted and result.outcome is not Outcome.DELIVERED and ending not in {"shop_order", "return_order"}
        self.keep(final_row(result, f"T{self.topic}", NOW))
        assert self.row is not None
        assert self.row.journal_offset >= job.offset
        assert self.row.outcome is result.outcome
        assert self.row.purchase_due is self.due

    def keep(self, row: Delivery) -> None:
        before = self.row
        if before is not None and before.journal_topic_id == row.journal_topic_id:
            assert row.journal_offset >= before.journal_offset
        if row.outcome is Outcome.SENDING and (before is None or before.journal_topic_id != row.journal_topic_id):
            assert row.journal_offset == -1
        assert row.event_id == self.event
        if before is not None and before.contact_id is not None:
            assert row.contact_id is not None
        assert CODEC.decode(CODEC.encode(row), Delivery) == row
        self.row = row


LifeOfAnOrder.TestCase.settings = settings(max_examples=cases(100, 3000), stateful_step_count=25, deadline=None)
TestLifeOfAnOrder = LifeOfAnOrder.TestCase


def an_entry(offset: int, log_type: int, log_id: int) -> Entry:
    raw = Raw(0, offset, b"7", b"", ())
    return Entry(raw, JournalEntry(log_id, log_type, 7, None, NOW, Origin.JOURNAL), False)


def begun(row: Delivery | None, contact_id: str, settle_until: float = 0.0) -> Attempt:
    """An attempt that has written its contact."""
    job = Job(7, 0, (an_entry(3, 1, 3),), row)
    send = Send(Contact("a@example.com"), PURCHASE)
    return Attempt(job, send, "x.y", contact_id=contact_id, settle_until=settle_until)


def test_a_contact_where_a_create_may_be_alive_is_looked_at_before_another_intent_takes_its_place() -> None:
    first = intent_row(begun(None, "c1").job, "c1", "T", NOW)  # its create is under way when the process is killed
    attempt = begun(first, "c2", settle_until=30.0)  # the e-mail was edited meanwhile
    assert after_contact(attempt) == Next(Step.LOOK, 30.0)
    assert ask_of(attempt).intended == {"c1"}


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.DEAD])
def test_an_order_whose_create_may_be_alive_gets_no_row_without_an_event_before_the_wait_is_over(
    outcome: Outcome,
) -> None:
    job = begun(intent_row(begun(None, "c1").job, "c1", "T", NOW), "c1").job
    assert Ending(job, outcome, "unconfirmed", settle_until=30.0).not_before == 30.0
    assert Ending(job, Outcome.DELIVERED, "adopted", "e1", "c1", settle_until=30.0).not_before == 0.0


ROW = Delivery(Outcome.DELIVERED, "created", False, 3, "T", 1, "c1", "e1", "a.b", NOW)
encoded = st.integers(0, 10**6).map(lambda number: CODEC.encode(replace(ROW, journal_offset=number)))
foreign = st.one_of(
    st.binary(max_size=40),
    encoded.flatmap(lambda whole: st.integers(0, len(whole) - 1).map(lambda at: whole[:at])),
    encoded.map(lambda whole: whole + b"x"),
    st.just(CODEC.encode(an_entry(1, 1, 1).record)),
)
values = st.one_of(encoded, encoded, encoded, st.none(), foreign)
order_ids = st.sampled_from([1, 2, 3, 4, 5, 2**62, 2**63 - 1])
logs = st.lists(st.tuples(st.integers(0, 2), order_ids, values), max_size=60)


def readable(value: bytes | None) -> Delivery | None:
    try:
        return CODEC.decode(value, Delivery) if value is not None else None
    except DecodeError:
        return None


def row_of(ledger: Ledger, partition: int, order_id: int) -> Delivery | None:
    """What can be read of it."""
    try:
        return ledger.get(partition, order_id)
    except DecodeError:
        return None


@settings(max_examples=cases(150, 3000))
@given(topic=logs, cut=st.integers(0, 60), chunks=st.lists(st.integers(1, 20), min_size=1, max_size=8), data=st.data())
def test_the_ledger_is_the_newest_row_an_order_of_any_prefix_in_any_interleaving(
    topic: list[tuple[int, int, bytes | None]], cut: int, chunks: list[int], data: st.DataObject
) -> None:
    prefix = topic[:cut]
    model: dict[tuple[int, int], bytes | None] = {}
    for partition, order_id, value in prefix:
        model[partition, order_id] = value
    ledger = Ledger(CODEC)
    try:
        lying = {number: [(order, value) for at, order, value in prefix if at == number] for number in range(3)}
        for partition in range(3):
            ledger.open(partition)
        again = data.draw(st.sampled_from([None, 0, 1, 2]))
        turn = 0
        while any(lying.values()):  # chunks of any size, of the partitions in any turn
            partition = data.draw(st.sampled_from([number for number in lying if lying[number]]))
            size = chunks[turn % len(chunks)]
            ledger.load(partition, lying[partition][:size])
            lying[partition] = lying[partition][size:]
            turn += 1
            if partition == again:  # taken away half-way, and given back: loaded anew from the start
                again = None
                ledger.drop(partition)
                ledger.open(partition)
                lying[partition] = [(order, value) for at, order, value in prefix if at == partition]
        for partition in range(3):
            for order_id in (1, 2, 3, 4, 5, 2**62, 2**63 - 1, 99):
                assert row_of(ledger, partition, order_id) == readable(model.get((partition, order_id)))
        ledger.open(1)
        assert row_of(ledger, 1, 1) is None
        newest = CODEC.encode(ROW)
        ledger.put(1, 1, newest)
        assert row_of(ledger, 1, 1) == ROW
        assert row_of(ledger, 0, 1) == readable(model.get((0, 1)))
    finally:
        ledger.close()
