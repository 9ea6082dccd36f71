from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clients import Contact, ContactCard, ExtEvent, RetriableError
from processor.gate import STORM, Gate
from processor.jobs import Entry, Job, Jobs, Raw, Step
from processor.lanes import Lanes
from processor.lease import Lease, LeaseLost
from processor.look import Ask, Seen, look
from processor.record import final_row, intent_row
from processor.rules import Send
from processor.way import Ending
from schemas.progress import Progress, read_progress
from schemas.records import ASKED_FOR, Delivery, JournalEntry, Origin, Outcome

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def entry(offset: int, order_id: int = 7, log_type: int = 11, origin: Origin = Origin.JOURNAL) -> Entry:
    record = JournalEntry(100 + offset, log_type, order_id, None, NOW, origin)
    return Entry(Raw(0, offset, str(order_id).encode(), b"", ()), record, replayed=False, seen_at=0.0)


def row(**over: object) -> Delivery:
    base: dict[str, object] = {
        "outcome": Outcome.DELIVERED, "reason": "created", "purchase_due": False, "journal_offset": 9,
        "journal_topic_id": "T", "log_id": 109, "contact_id": "c1", "event_id": "e1", "fingerprint": "a.b",
        "delivered_at": NOW,
    }  # fmt: skip
    return Delivery(**(base | over))  # type: ignore[arg-type]


def test_entries_of_one_order_are_one_job_and_later_ones_wait_for_it() -> None:
    jobs = Jobs()
    job = jobs.open(7, 0, [entry(1)], None)
    assert jobs.join(entry(2, log_type=1))
    assert job.purchase
    assert job.offset == 2
    job.step = Step.READING
    assert jobs.join(entry(3))
    assert [later.raw.offset for later in job.followers] == [3]
    with pytest.raises(ValueError, match="unfinished job"):
        jobs.open(7, 0, [entry(4)], None)
    assert [later.raw.offset for later in jobs.close(job)] == [3]
    assert not jobs.join(entry(5))


def test_a_purchase_stays_due_through_an_edit() -> None:
    assert Job(7, 0, row(purchase_due=True), [entry(1, log_type=16)]).purchase
    assert not Job(7, 0, row(), [entry(1, log_type=16)]).purchase


def test_abandoned_jobs_are_forgotten() -> None:
    jobs = Jobs()
    gone, kept = jobs.open(7, 0, [entry(1)], None), jobs.open(8, 1, [entry(1, 8)], None)
    assert jobs.abandon({0}) == [gone]
    assert list(jobs) == [kept]
    assert list(jobs.waiting) == [kept]


def test_one_contact_is_one_lane_in_the_order_of_entering() -> None:
    lanes = Lanes()
    first, second, other = (Job(number, 0, None, [entry(1)]) for number in (1, 2, 3))
    assert lanes.enter("a", first)
    assert not lanes.enter("a", second)
    assert lanes.enter("b", other)
    assert lanes.leave(first) is second
    assert lanes.leave(second) is None
    assert len(lanes) == 1


def test_a_loop_that_stood_still_loses_the_right_to_write_for_good() -> None:
    now = [0.0]
    lease = Lease(10.0, lambda: now[0])
    now[0] = 9.0
    lease.turn()
    now[0] = 18.9
    lease.check()
    now[0] = 19.1
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        lease.turn()
    with pytest.raises(LeaseLost):
        lease.turn()


def test_a_storm_of_failures_lets_one_call_at_a_time_through_and_counts_no_attempt() -> None:
    gate = Gate("API")
    for _ in range(30):
        gate.succeeded()
    counted = [gate.failed(0.0, "down") for _ in range(STORM)]
    assert counted[0]
    assert not counted[-1]
    assert not gate.admits(0.5, 0)
    assert gate.admits(1.5, 0)
    assert not gate.admits(1.5, 1)
    gate.succeeded()
    assert gate.admits(1.5, 40)


def test_while_half_of_all_calls_fail_no_attempt_is_counted_against_an_order() -> None:
    gate = Gate("API")
    counted = 0
    for turn in range(200):
        if turn % 2:
            gate.succeeded()
        else:
            counted += gate.failed(0.0, "down")
    assert counted == 0


def test_one_failure_among_many_successes_counts() -> None:
    gate = Gate("API")
    for _ in range(20):
        gate.succeeded()
    assert gate.failed(0.0, "down")


def test_a_stopped_gate_opens_by_a_probe_only() -> None:
    gate = Gate("API")
    gate.stop(0.0, "wrong key")
    assert not gate.admits(1000.0, 0)
    assert gate.probe_due(60.0)
    gate.probing(60.0)
    assert not gate.probe_due(61.0)
    gate.mended()
    assert gate.admits(61.0, 0)


class Cards:
    def __init__(self, *cards: ContactCard) -> None:
        self.cards = cards

    def contacts_by_email(self, emails: object) -> list[ContactCard]:
        return [card for card in self.cards if card.email in emails]  # type: ignore[operator]

    def contacts_by_id(self, ids: object) -> list[ContactCard]:
        return [card for card in self.cards if card.contact_id in ids]  # type: ignore[operator]


def card(contact_id: str, email: str, *events: ExtEvent) -> ContactCard:
    return ContactCard(contact_id, email, (), events)


def bought(order_id: int, event_id: str = "e1", kind: str = "PURCHASE") -> ExtEvent:
    return ExtEvent(event_id, kind, str(order_id), NOW)


def test_the_look_finds_the_purchase_and_nothing_else() -> None:
    api = Cards(card("c1", "a@example.com", bought(8), bought(7, "cart", "CART"), bought(7)))
    assert look(api, [Ask(7, "A@example.com", "c1")]) == {7: Seen("e1", "c1", 1)}
    assert look(api, [Ask(9, "a@example.com", "c1")]) == {9: Seen(None, None, 0)}


def test_a_card_that_is_not_shown_proves_nothing() -> None:
    assert isinstance(look(Cards(), [Ask(7, "a@example.com", "c1")])[7], RetriableError)


def test_the_look_reaches_the_contact_of_an_earlier_intent() -> None:
    api = Cards(card("c2", "new@example.com"), card("c1", "old@example.com", bought(7)))
    assert look(api, [Ask(7, "new@example.com", "c2", frozenset({"c1"}))]) == {7: Seen("e1", "c1", 1)}


def test_the_contact_of_an_earlier_intent_must_be_shown_too() -> None:
    api = Cards(card("c2", "new@example.com"))
    assert look(api, [Ask(7, "new@example.com", "c2", frozenset({"c1"}))])[7] == Seen(None, None, 0)
    assert isinstance(look(api, [Ask(7, "new@example.com", "c2", intended=frozenset({"c1"}))])[7], RetriableError)


def test_an_event_of_no_stated_kind_is_taken_for_a_purchase() -> None:
    api = Cards(card("c1", "a@example.com", bought(7, kind="")))
    assert look(api, [Ask(7, "a@example.com", "c1")])[7] == Seen("e1", "c1", 1)


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


def test_offset_metadata_of_another_tool_is_seen_as_such() -> None:
    assert read_progress(Progress("T", 40, 2).encode()) == Progress("T", 40, 2)
    assert all(read_progress(text) is None for text in (None, "", "reset", "[]", '{"a": 1}'))


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
