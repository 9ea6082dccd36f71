"""What is called when, and what comes out: on a clock and with threads that the test moves."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from clients import (
    BackpressureError,
    FatalError,
)
from processor.circuit_breaker import STORM
from processor.deliver.stage import NOT_SHOWN_SECONDS, OPEN_A_THREAD
from processor.ending import Write
from processor.errors import NeedsOperator
from schemas.records import Outcome
from tests.processor.deliver.attempts import a_job, decided
from tests.processor.deliver.place import NO_ANSWER, hand
from tests.processor.entries import row

# ---- the order of steps


def test_a_purchase_is_looked_for_before_its_intent_and_created_after_it() -> None:
    with hand() as here:
        here.submit(1)
        here.poll()
        here.answer()
        here.poll()
        here.answer()
        assert here.sales.calls == ["upsert", "look"]
        assert [(intent.job.order_id, intent.contact_id) for intent in here.intents] == [(1, "c-m1@x.pl")]
        here.poll()
        assert len(here.threads) == 0, "it waits for Kafka"
        here.intend()
        here.poll()
        here.answer()
    assert here.sales.calls == ["upsert", "look", "create"]
    assert (here.ended[1].reason, here.ended[1].event_id) == ("created", "e1")
    assert here.ended[1].accepted == {Write.NONE, Write.NEW_CONTACT, Write.UPDATE, Write.PURCHASE}


def test_a_contact_alone_needs_neither_a_look_nor_an_intent() -> None:
    with hand() as here:
        here.submit(1, purchase=False)
        here.turn(3)
    assert here.sales.calls == ["upsert"]
    assert (here.ended[1].reason, here.ended[1].with_purchase) == ("contact", False)


def test_an_intent_that_another_member_left_is_waited_for_before_the_look() -> None:
    with hand() as here:
        sending = row(outcome=Outcome.SENDING, event_id=None, contact_id="c-m1@x.pl", fingerprint=None)
        here.deliver.submit(decided(a_job(1, sending, settle_until=here.now + 40), "m1@x.pl"))
        here.turn(5)
        assert here.sales.calls == ["upsert"]
        assert here.deliver.parked == 1
        here.turn(1, seconds=39.0)
        assert here.sales.calls == ["upsert"]
        here.turn(3, seconds=1.0)
    assert here.sales.calls == ["upsert", "look", "create"]


def test_a_create_without_an_answer_is_looked_for_after_a_wait_and_adopted() -> None:
    with hand() as here:
        here.sales.after["create"] = NO_ANSWER
        here.submit(1)
        here.turn(4)
        assert (here.ended, here.deliver.parked, here.deliver.retrying) == ({}, 1, 1)
        here.turn(1, seconds=29.0)
        assert here.sales.calls == ["upsert", "look", "create"]
        here.turn(2, seconds=1.0)
    assert here.ended[1].reason == "adopted"
    assert here.sales.created(1) == 1


def test_the_wait_for_a_lost_reply_begins_when_the_call_ended_however_long_ago_the_turn_began() -> None:
    with hand() as here:
        here.sales.after["create"] = NO_ANSWER
        here.submit(1)
        here.turn(2)
        here.poll()
        turn_began = here.now
        here.now += 9.0  # a rebalance in this turn, for instance
        here.threads.run_all()
        here.take(here.deliver.join(turn_began, 0.0))
        here.turn(1, seconds=29.0)
        assert here.sales.calls == ["upsert", "look", "create"]
        here.turn(2, seconds=1.0)
    assert here.ended[1].reason == "adopted"


def test_a_create_whose_turn_comes_too_late_is_not_written_and_repeated_from_the_look() -> None:
    with hand() as here:
        here.submit(1)
        here.turn(2)
        here.poll()  # the create is on its way to the socket
        here.now += 11.0
        here.answer()
        assert here.sales.calls == ["upsert", "look"]
        here.turn(3)
    assert here.sales.calls == ["upsert", "look", "look", "create"]
    assert (here.ended[1].reason, here.ended[1].attempts) == ("created", 0)
    assert here.breaker.failures == 0


def test_few_orders_are_between_look_and_create_and_the_next_ones_are_looked_at_once_those_are_created() -> None:
    threads = 2
    most = OPEN_A_THREAD * threads
    with hand(threads) as here:
        here.submit(*range(1, 31))
        for _ in range(50):
            here.poll()
            here.answer()
        assert here.sales.calls.count("upsert") == 30
        assert len(here.intents) == most
        here.intend()
        for _ in range(50):
            here.poll()
            here.answer()
        assert here.sales.calls.count("create") == most
        assert len(here.intents) == most
        here.turn(50)
    assert all(here.sales.created(order_id) == 1 for order_id in range(1, 31))


def test_an_order_whose_look_was_slow_is_looked_at_alone_and_the_others_go_on_together() -> None:
    sizes: list[int] = []
    with hand() as here:
        find = here.sales.contacts_by_email
        here.sales.contacts_by_email = lambda emails: sizes.append(len(emails)) or find(emails)  # type: ignore[method-assign,func-returns-value]
        here.submit(1, 2)
        here.turn()
        here.poll()
        here.now += 9.0  # the cards take their time
        here.answer()
        here.submit(3, 4)
        here.poll()
        here.intend()  # too long after the look: another one, and the others' come behind it
        here.answer()
        here.turn(4)
    assert sizes == [2, 1, 1, 2]
    assert {ending.reason for ending in here.ended.values()} == {"created"}


# ---- lanes


def test_orders_of_one_contact_go_one_after_the_other_and_others_side_by_side() -> None:
    with hand() as here:
        here.submit(1, 2, email="a@x.pl", purchase=False)
        here.submit(3, email="b@x.pl", purchase=False)
        here.poll()
        assert here.deliver.in_flight == 2
        here.answer()
        assert set(here.ended) == {1, 3}
        here.turn()
    assert set(here.ended) == {1, 2, 3}


def test_an_order_that_waits_for_another_try_holds_its_contacts_lane() -> None:
    with hand() as here:
        here.sales.fails["upsert"].append(NO_ANSWER)
        here.submit(1, 2, email="a@x.pl", purchase=False)
        here.turn(3)
        assert here.ended == {}
        here.turn(2, seconds=1.0)
    assert list(here.ended) == [1, 2]


# ---- failures


def test_while_nothing_can_be_recorded_nothing_is_called_and_intents_are_still_handed_on() -> None:
    with hand() as here:
        here.submit(1)
        here.turn()
        here.poll()  # the look is under way
        here.deliver.held = True
        here.submit(2)
        here.answer()
        assert len(here.intents) == 1
        here.turn(5, seconds=1.0)
        assert here.sales.calls == ["upsert", "look"]
        here.deliver.held = False
        here.turn(5)
    assert {ending.reason for ending in here.ended.values()} == {"created"}


def test_the_api_is_not_called_before_the_pause_it_asked_for_is_over() -> None:
    with hand() as here:
        soon = datetime.now(UTC) + timedelta(seconds=100)
        here.sales.fails["upsert"].append(BackpressureError("429", api="SALESmanago", retry_at=soon))
        here.submit(1, purchase=False)
        here.turn()
        here.turn(3, seconds=20.0)
        assert here.sales.calls == ["upsert"]
        here.turn(3, seconds=20.0)
    assert (here.ended[1].reason, here.ended[1].attempts) == ("contact", 0)


def test_an_outage_ends_no_order_and_is_probed_by_one_call_at_a_time() -> None:
    with hand() as here:
        here.sales.fails["upsert"].extend([NO_ANSWER] * 300)
        here.submit(*range(1, 21), purchase=False)
        here.turn(STORM, seconds=30.0)
        before = len(here.sales.calls)
        here.turn(10, seconds=60.0)
        assert len(here.sales.calls) == before + 10
        here.sales.fails["upsert"].clear()
        here.turn(20, seconds=60.0)
    assert {ending.reason for ending in here.ended.values()} == {"contact"}


def test_a_refused_key_is_asked_about_once_a_minute_until_it_is_accepted() -> None:
    refused = FatalError("wrong secret", api="SALESmanago")
    with hand() as here:
        here.submit(1, purchase=False)
        here.sales.fails["upsert"].append(refused)
        here.sales.fails["users"].extend([refused] * 5)
        here.turn()
        here.turn(100, seconds=3.0)
        assert here.sales.calls == ["upsert"] + ["users"] * 5
        here.turn(21, seconds=3.0)
        assert here.breaker.stopped is None
        here.turn(2, seconds=1.0)
    assert here.ended[1].reason == "contact"


def test_a_key_that_was_never_accepted_ends_the_program() -> None:
    with hand() as here:
        here.breaker.proven = False
        here.submit(1, purchase=False)
        here.sales.fails["upsert"].append(FatalError("wrong secret", api="SALESmanago"))
        with pytest.raises(NeedsOperator, match="wrong secret"):
            here.turn()


def test_a_card_that_is_listed_late_costs_no_attempt_and_counts_after_half_an_hour_only() -> None:
    with hand() as here:
        here.submit(1)
        here.turn()
        here.sales.hidden.add("m1@x.pl")
        began = here.now
        while here.now < began + NOT_SHOWN_SECONDS:
            here.turn(1, seconds=30.0)
        assert here.ended == {}
        here.turn(2 * 20, seconds=30.0)
    assert (here.ended[1].reason, here.ended[1].attempts, here.ended[1].refused) == ("gave_up", 20, Write.PURCHASE)
    with hand() as here:
        here.submit(1)
        here.turn()
        here.sales.hidden.add("m1@x.pl")
        here.turn(20, seconds=30.0)
        here.sales.hidden.clear()
        here.turn(1, seconds=30.0)
        here.turn(3)
    assert (here.ended[1].reason, here.ended[1].attempts) == ("created", 0)


def test_orders_that_wait_for_another_try_take_room() -> None:
    with hand() as here:
        room = here.deliver.room
        here.sales.fails["upsert"].extend([NO_ANSWER] * 3)
        here.submit(1, 2, 3)
        here.turn()
        assert here.deliver.room == room - 3
        here.turn(9, seconds=30.0)
        assert (here.deliver.room, here.deliver.parked) == (room, 0)


def test_the_back_off_grows_and_is_bounded() -> None:
    asked: list[float] = []
    with hand() as here:
        here.sales.fails["upsert"].extend([NO_ANSWER] * 19)
        here.submit(1, purchase=False)
        while not here.ended:
            before = len(here.sales.calls)
            here.turn(1, seconds=0.25)
            if len(here.sales.calls) > before:
                asked.append(here.now)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[0] <= 1.0
    assert max(pauses) <= 91.0  # the order's own 30 s, and the API's pause while it is out
    assert pauses[-1] > pauses[0]
