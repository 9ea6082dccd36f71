"""What is written down of an order, and when: rows at once, dead letters after a while, nothing while it is paused."""

from dataclasses import replace
from typing import Any

import pytest

from processor.ending import Ending, Write
from processor.errors import NeedsOperator
from processor.job import Job
from processor.partition import Partition
from processor.record.breaker import TRIAL_SECONDS, DeadLetterBreaker
from processor.record.stage import HOLD_SECONDS, Record
from processor.values import Recorded, Undecodable
from runtime.metrics import Metrics
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import Delivery, Outcome
from schemas.topics import Topics
from tests.processor.deliver.attempts import a_job
from tests.processor.entries import entry, row

TOPICS = Topics("shop")
CODEC = make_codec(TOPICS, None)
CONTACT = frozenset({Write.NONE, Write.KNOWN_CONTACT})
PURCHASE = CONTACT | {Write.UPDATE, Write.PURCHASE}


class Place:
    """Record between fake neighbours, and what it handed on."""

    def __init__(self, limit: int = 3, patient: bool = True, streak: int = 0, partitions: int = 1) -> None:
        self.now, self.metrics = 1000.0, Metrics()
        self.record = Record(DeadLetterBreaker(limit), CODEC, self.metrics, TOPICS.journal, patient)
        for number in range(partitions):
            self.record.assign(Partition(number, "T", 0.0, 0, Progress("T", dead_streak=streak)))
        self.recorded: list[Recorded] = []
        self.dropped: list[Job] = []
        self.last = 0

    def poll(self, seconds: float = 0.0) -> None:
        self.now += seconds
        for value in self.record.poll(self.now):
            if isinstance(value, Recorded):
                self.recorded.append(value)
            else:
                self.dropped.append(value.job)

    def end(self, outcome: Outcome, reason: str = "", partition: int = 0, **fields: Any) -> Job:
        self.last += 1
        one = entry(10 + self.last, self.last, log_type=1)
        one = replace(one, raw=replace(one.raw, partition=partition))
        job = a_job(self.last, row(), one, partition=partition)
        self.record.submit(Ending(job, outcome, reason, **fields))
        return job

    def refuse(self, count: int = 1, refused: Write = Write.PURCHASE, **fields: Any) -> list[Job]:
        error = ValueError("no")
        return [
            self.end(Outcome.DEAD, "rejected", error=error, attempts=2, refused=refused, **fields) for _ in range(count)
        ]

    def deliver(self, accepted: frozenset[Write] = PURCHASE, reason: str = "created") -> Job:
        return self.end(Outcome.DELIVERED, reason, accepted=accepted, event_id="e9", contact_id="c1")

    @property
    def letters(self) -> list[int]:
        return [raw.offset for recorded in self.recorded for raw, _ in recorded.letters]

    @property
    def jobs(self) -> list[Job | None]:
        return [recorded.job for recorded in self.recorded]

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"bl2sm_{name}", labels) or 0.0


def unread(offset: int) -> Undecodable:
    return Undecodable(entry(offset).raw, "undecodable", ValueError("odd"))


# ---- rows


def test_an_outcome_is_recorded_at_once_with_its_row_and_all_its_entries() -> None:
    place = Place()
    entries = entry(3, log_type=1), entry(5)
    job = a_job(7, None, *entries)
    place.record.submit(Ending(job, Outcome.DELIVERED, "created", "e1", "c1", fingerprint="x.y", with_purchase=True))
    place.poll()
    (recorded,) = place.recorded
    assert recorded.job is job
    assert recorded.raws == tuple(one.raw for one in entries)
    assert recorded.letters == ()
    assert recorded.row is not None
    assert (recorded.row.event_id, recorded.row.journal_offset, recorded.row.purchase_due) == ("e1", 5, False)
    assert CODEC.decode(recorded.value, Delivery).event_id == "e1"
    assert place.counted("orders_total", outcome="delivered", reason="created") == 1


def test_an_order_that_was_not_sent_keeps_its_intent_while_a_create_may_be_alive() -> None:
    place = Place()
    skipped = place.end(Outcome.SKIPPED, "unconfirmed", settle_until=place.now + 40)
    delivered = place.end(Outcome.DELIVERED, "adopted", settle_until=place.now + 40)
    place.poll(39.0)
    assert place.jobs == [delivered]
    place.poll(1.0)
    assert place.jobs == [delivered, skipped]
    assert place.recorded[-1].settle_until == 1040.0


def test_what_is_replayed_says_nothing_about_how_long_a_delivery_takes() -> None:
    place = Place()
    again = replace(entry(3), replayed=True)
    place.record.submit(Ending(a_job(7, None, again), Outcome.DELIVERED, "contact"))
    place.deliver()
    place.poll()
    assert place.counted("delivery_seconds_count") == 1


# ---- dead letters, one by one


def test_a_single_dead_letter_is_recorded_after_a_moment_and_the_rest_goes_on() -> None:
    place = Place()
    (dead,) = place.refuse()
    place.poll()
    place.poll(HOLD_SECONDS - 0.1)
    assert (place.recorded, place.record.held, place.record.held_jobs) == ([], 1, 1)
    delivered = place.deliver(CONTACT, "contact")
    place.poll(0.0)
    place.poll(0.1)
    assert place.jobs == [delivered, dead]
    (raw, letter) = place.recorded[-1].letters[0]
    assert (raw.offset, letter.reason, letter.error_class, letter.message, letter.attempts) == (
        11, "rejected", "ValueError", "no", 2,
    )  # fmt: skip
    assert (place.record.held, place.recorded[-1].dead_streak) == (0, 1)
    assert place.counted("dead_letters_total", reason="rejected") == 1
    assert not place.record.take_change()


def test_every_entry_of_a_dead_order_is_a_letter() -> None:
    place = Place()
    job = a_job(7, None, entry(3), entry(4))
    place.record.submit(Ending(job, Outcome.DEAD, "rejected"))
    place.poll()
    place.poll(HOLD_SECONDS)
    assert place.letters == [3, 4]
    assert place.recorded[0].row is not None
    assert place.recorded[0].row.outcome is Outcome.DEAD


def test_a_message_that_can_not_be_read_is_a_letter_without_a_row() -> None:
    place = Place()
    place.record.submit(unread(4))
    place.poll()
    assert (place.record.held, place.record.held_jobs) == (1, 0)
    place.poll(HOLD_SECONDS)
    (recorded,) = place.recorded
    assert (recorded.job, recorded.row, recorded.value, place.letters) == (None, None, b"", [4])


def test_a_dead_letter_goes_at_once_where_such_a_write_of_another_order_is_answered_and_the_count_restarts() -> None:
    place = Place(streak=2, limit=20)
    (dead,) = place.refuse()
    place.poll()
    delivered = place.deliver()
    place.poll()
    assert place.jobs == [delivered, dead]
    assert [recorded.dead_streak for recorded in place.recorded] == [0, 0]


def test_an_answered_contact_lets_a_refused_contact_go_and_holds_a_refused_purchase() -> None:
    place = Place()
    (contact,) = place.refuse(refused=Write.KNOWN_CONTACT)
    (purchase,) = place.refuse()
    place.poll()
    place.deliver(CONTACT, "contact")
    place.poll()
    assert contact in place.jobs
    assert purchase not in place.jobs


def test_purchases_that_are_created_let_single_refused_updates_go_however_many_there_are() -> None:
    place = Place(limit=3)
    for _ in range(10):
        place.refuse(refused=Write.UPDATE)
        place.poll()
        place.deliver(frozenset({Write.NONE, Write.UPDATE, Write.PURCHASE}))
        place.poll()
    assert (len(place.letters), place.record.breaker.open, place.record.breaker.streak) == (10, False, 0)


@pytest.mark.parametrize(("patient", "at_once"), [(True, False), (False, True)])
def test_without_patience_dead_letters_are_recorded_at_once_when_nothing_else_is_left(
    patient: bool, at_once: bool
) -> None:
    place = Place(patient=patient)
    place.refuse()
    place.poll()
    assert place.letters == []
    place.record.idle = True
    place.poll()
    assert bool(place.letters) is at_once


# ---- many in a row


def test_dead_letters_in_a_row_open_the_breaker_at_once_and_none_of_them_is_recorded() -> None:
    place = Place()
    place.refuse(3)
    place.poll()
    assert place.record.breaker.open
    assert (place.record.held, place.recorded, place.dropped) == (0, [], [])
    assert [place.record.take_change() for _ in range(2)] == [True, False]
    place.poll(1000.0)
    assert place.recorded == []


def test_with_a_limit_of_one_no_dead_letter_is_recorded_that_nothing_vouches_for() -> None:
    place = Place(limit=1)
    place.refuse()
    place.poll()
    assert place.record.breaker.open
    assert place.recorded == []


@pytest.mark.parametrize("accepted", [frozenset(), CONTACT, frozenset({Write.NONE, Write.UPDATE})])
def test_a_known_contact_edited_now_and_then_lets_no_refused_purchases_be_drained(accepted: frozenset[Write]) -> None:
    place = Place(limit=20)
    for _ in range(100):
        place.refuse()
        place.deliver(accepted, "contact")
        place.poll(HOLD_SECONDS / 4)
    assert place.record.breaker.open
    assert len(place.letters) <= 19
    assert sum(job is not None for job in place.jobs) == 100 + len(place.letters), "what was answered is recorded"


def test_a_count_from_before_a_restart_opens_it_with_the_next_dead_letter() -> None:
    place = Place(limit=20, streak=30)
    assert not place.record.breaker.open
    place.refuse()
    place.poll()
    assert place.record.breaker.open
    assert place.letters == []


def test_a_trial_that_fails_has_no_outcome_and_the_next_one_is_a_minute_later() -> None:
    place = Place()
    place.refuse(3)
    place.poll()
    assert place.record.breaker.trial(place.now + TRIAL_SECONDS, idle=True)
    (tried,) = place.refuse()
    place.poll(TRIAL_SECONDS + 1)
    assert (place.dropped, place.recorded) == ([tried], [])
    assert not place.record.breaker.trial(place.now + TRIAL_SECONDS - 1, idle=True)
    assert place.record.breaker.trial(place.now + TRIAL_SECONDS, idle=True)


def test_messages_that_can_not_be_read_are_not_all_taken_in_during_a_pause() -> None:
    place = Place()
    for offset in range(3):
        place.record.submit(unread(offset))
    place.poll()
    assert place.record.breaker.open
    place.record.submit(unread(3))
    place.poll(TRIAL_SECONDS)
    assert (place.recorded, place.dropped, place.record.held) == ([], [], 0)
    assert not place.record.breaker.trial(place.now + TRIAL_SECONDS - 1, idle=True)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(Outcome.DELIVERED, "unchanged"), (Outcome.DELIVERED, "adopted"), (Outcome.SKIPPED, "order_unknown")],
)
def test_a_tried_order_that_needed_no_write_is_recorded_closes_nothing_and_the_next_one_is_tried_at_once(
    outcome: Outcome, reason: str
) -> None:
    place = Place()
    place.refuse(3)
    place.poll()
    tried = place.end(outcome, reason)
    place.poll(TRIAL_SECONDS)
    assert place.jobs == [tried]
    assert place.record.breaker.open
    assert place.record.breaker.trial(place.now, idle=True)


def test_a_tried_order_whose_answers_vouch_for_too_little_is_recorded_and_the_next_one_is_a_minute_later() -> None:
    place = Place()
    place.refuse(3)
    place.poll()
    tried = place.deliver(CONTACT, "contact")
    place.poll(TRIAL_SECONDS)
    assert place.jobs == [tried]
    assert place.record.breaker.open
    assert not place.record.breaker.trial(place.now + TRIAL_SECONDS - 1, idle=True)


def test_an_answered_write_of_the_kind_closes_it_and_everything_is_tried_again() -> None:
    place = Place()
    place.refuse(3)
    place.poll()
    assert place.record.take_change()
    tried = place.deliver()
    place.poll(TRIAL_SECONDS)
    assert place.jobs == [tried]
    assert not place.record.breaker.open
    assert place.recorded[0].dead_streak == 0
    assert [place.record.take_change() for _ in range(2)] == [True, False]


def test_an_order_that_is_bad_in_itself_does_not_keep_it_open() -> None:
    place = Place()
    (bad, *_) = place.refuse(3)
    place.poll()
    place.record.submit(Ending(bad, Outcome.DEAD, "rejected", refused=Write.PURCHASE))
    place.poll(TRIAL_SECONDS)
    assert place.record.breaker.open
    assert place.record.breaker.trial(place.now + TRIAL_SECONDS, idle=True)
    place.deliver()  # the next one
    place.poll(TRIAL_SECONDS)
    assert not place.record.breaker.open
    place.record.submit(Ending(bad, Outcome.DEAD, "rejected", refused=Write.PURCHASE))
    place.poll()
    place.poll(HOLD_SECONDS)
    assert bad in place.jobs


def test_without_patience_dead_letters_in_a_row_end_the_program_with_a_sentence() -> None:
    place = Place(patient=False)
    place.refuse(3)
    with pytest.raises(NeedsOperator, match=r"3 dead letters in a row .*rejected: no.*MAX_CONSECUTIVE_DEAD_LETTERS"):
        place.poll()
    assert place.recorded == []


# ---- partitions go


def test_a_revoke_drops_what_is_held_and_keeps_what_ended_until_then() -> None:
    place = Place(partitions=2, limit=20)
    (held,), (other,) = place.refuse(), place.refuse(partition=1)
    place.record.submit(unread(4))
    place.poll()
    ended = place.end(Outcome.DELIVERED, "contact")
    place.record.revoke({0})
    assert place.record.held == 1
    place.poll()
    place.poll(HOLD_SECONDS)
    assert place.jobs == [ended, other]
    assert held not in place.jobs


def test_nothing_of_a_lost_partition_is_recorded() -> None:
    place = Place(partitions=2)
    place.refuse()
    place.poll()
    place.end(Outcome.SKIPPED, "unconfirmed", settle_until=place.now + 40)
    kept = place.end(Outcome.SKIPPED, "unconfirmed", partition=1, settle_until=place.now + 40)
    place.record.submit(unread(4))
    place.record.lose({0})
    place.end(Outcome.DELIVERED, "contact")  # its call ended after all
    place.poll(100.0)
    assert place.jobs == [kept]
