"""Partitions go: what is dropped, what may still end, and which intents are taken back."""

from datetime import UTC, datetime, timedelta

import pytest

from clients import (
    BackpressureError,
)
from processor.values import Intent, Released
from schemas.records import Outcome
from tests.processor.deliver.attempts import a_job, decided
from tests.processor.deliver.place import NO_ANSWER, NOT_SENT, hand
from tests.processor.entries import row


def test_a_revoke_drops_what_is_not_under_way_and_the_next_one_of_the_contact_gets_the_lane() -> None:
    with hand() as here:
        here.sales.fails["upsert"].append(NO_ANSWER)
        here.submit(1, email="a@x.pl", purchase=False)
        here.submit(2, email="a@x.pl", partition=1, purchase=False)
        here.turn()
        here.revoke(0)
        assert (here.deliver.parked, here.deliver.retrying) == (0, 0)
        here.turn(2, seconds=60.0)
    assert (list(here.ended), here.released) == ([2], [])


def test_a_revoke_lets_a_call_end_whose_outcome_is_handed_on() -> None:
    with hand() as here:
        here.submit(1, 2)
        here.turn(2)
        here.poll()
        here.revoke(0)
        assert here.deliver.busy({0})
        assert not here.deliver.busy({1})
        here.answer()
        assert not here.deliver.busy({0})
        here.revoke(0)
    assert {order_id: ending.reason for order_id, ending in here.ended.items()} == {1: "created", 2: "created"}
    assert here.released == []


def test_a_call_that_ends_without_an_outcome_goes_no_further_after_a_revoke() -> None:
    with hand() as here:
        here.submit(1)
        here.poll()
        here.revoke(0)
        here.answer()
        here.revoke(0)
        here.turn(5, seconds=60.0)
    assert here.sales.calls == ["upsert"]
    assert (here.ended, here.released, here.intents) == ({}, [], [])


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_revoke_takes_an_intent_back_whose_create_was_not_begun(acknowledged: bool) -> None:
    with hand() as here:
        here.submit(1)
        for _ in range(2):
            here.poll()
            here.answer()
        intent = here.intents[0]
        if acknowledged:
            here.intend()
        here.revoke(0)
        assert here.released == [intent.job]
        here.deliver.intended(intent, here.now)  # Kafka's word comes after
        here.turn(3)
    assert here.sales.calls == ["upsert", "look"]
    assert here.ended == {}


def test_an_intent_is_handed_on_before_it_is_taken_back() -> None:
    with hand() as here:
        here.submit(1, 2)
        here.turn()
        here.poll()
        here.threads.run_all()
        values = here.deliver.join(here.now, 0.0)
        assert isinstance(next(values), Intent)
        here.deliver.revoke({0})
        left = list(values)
    assert [type(value) for value in left] == [Intent, Released, Released]


@pytest.mark.parametrize("step", ["create", "look"])
def test_an_intent_is_taken_back_however_long_its_order_waits_for_another_try(step: str) -> None:
    with hand() as here:
        later = datetime.now(UTC) + timedelta(hours=1)
        wait = BackpressureError("come back later", api="SALESmanago", retry_at=later)
        here.submit(1)
        here.turn(2)
        if step == "look":
            here.sales.fails["create"].append(NOT_SENT)
            here.sales.fails["look"].extend([NO_ANSWER] * 10)
            here.turn(20, seconds=60.0)
            assert here.deliver.retrying == 1
        else:
            here.sales.fails["create"].append(wait)
            here.turn(2)
            here.poll(600.0)
        assert here.ended == {}
        here.revoke(0)
    assert [job.order_id for job in here.released] == [1]


@pytest.mark.parametrize("fate", ["lost answer", "somebody else's"])
def test_an_intent_on_which_a_create_may_be_alive_is_not_taken_back(fate: str) -> None:
    with hand() as here:
        if fate == "lost answer":
            here.sales.after["create"] = NO_ANSWER
            here.submit(1)
            here.turn(3)
        else:
            sending = row(outcome=Outcome.SENDING, event_id=None, contact_id="c-m1@x.pl", fingerprint=None)
            here.deliver.submit(decided(a_job(1, sending), "m1@x.pl"))
            here.turn(2)
        here.revoke(0)
        here.turn(3, seconds=60.0)
    assert (here.ended, here.released) == ({}, [])


def test_what_was_lost_is_heard_of_no_more_and_its_lane_is_free_once_its_call_has_ended() -> None:
    with hand() as here:
        here.submit(1, email="a@x.pl")
        here.turn(2)
        here.poll()  # its create is under way
        here.submit(2, email="a@x.pl")
        here.submit(3, email="a@x.pl", partition=1)
        here.deliver.lose({0})
        here.poll()
        assert len(here.threads) == 1, "the contact's lane is still in use"
        here.turn(4)
    assert (list(here.ended), here.released) == ([3], [])
    assert here.sales.created(1) == here.sales.created(3) == 1


def test_what_was_ready_to_be_handed_on_is_not_once_its_partition_is_lost() -> None:
    with hand() as here:
        here.submit(1, 2, 3, purchase=False)
        here.submit(4, partition=1, purchase=False)
        here.poll()
        here.threads.run_all()
        values = here.deliver.join(here.now, 0.0)
        assert next(values).job.order_id == 1
        here.deliver.lose({0})
        assert [value.job.order_id for value in values] == [4]
