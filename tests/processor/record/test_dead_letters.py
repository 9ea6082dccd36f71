"""Dead letters in a row: held, counted by the write that was refused, and let go by an answered write of that kind."""

from collections import Counter

import pytest

from processor.job import Job, Step
from processor.record.dead_letters import HOLD_SECONDS, Death, Deaths, Write, refused_write, vouched
from tests.processor.entries import entry, row

CONTACT, PURCHASE = {Write.KNOWN_CONTACT}, {Write.KNOWN_CONTACT, Write.UPDATE, Write.PURCHASE}


def death(at: float = 0.0, write: Write = Write.PURCHASE) -> Death:
    return Death((entry(1).raw,), None, "rejected", None, 1, at, write)


def test_a_single_dead_letter_goes_after_a_moment() -> None:
    deaths = Deaths(limit=3)
    deaths.add(death())
    assert deaths.due(HOLD_SECONDS - 0.1, at_once=False) == []
    assert len(deaths.due(HOLD_SECONDS, at_once=False)) == 1
    assert deaths.streak == 1


def test_a_storm_of_dead_letters_drains_nothing_also_while_one_is_tried_again() -> None:
    deaths = Deaths(limit=3, recorded=Counter({Write.PURCHASE: 1}))
    deaths.add(death())
    deaths.add(death())
    assert deaths.storm
    assert deaths.due(1000.0, at_once=True) == []
    deaths.held.pop()
    assert deaths.due(1000.0, at_once=True) == []
    assert len(deaths.answered(PURCHASE)) == 1
    assert not deaths.storm


def test_an_answered_write_of_their_kind_ends_the_row_of_dead_letters() -> None:
    deaths = Deaths(limit=3, recorded=Counter({Write.PURCHASE: 1}))
    deaths.add(death())
    assert len(deaths.answered(PURCHASE)) == 1
    assert deaths.streak == 0


@pytest.mark.parametrize("writes", [set(), CONTACT, {Write.UPDATE}, {Write.NEW_CONTACT, Write.UPDATE}])
def test_refused_purchases_reach_the_limit_whatever_else_is_answered_between_them(writes: set[Write]) -> None:
    deaths = Deaths(limit=20)
    recorded = 0
    for second in range(100):
        deaths.add(death(second))
        assert deaths.answered(writes) == []
        recorded += len(deaths.due(second + HOLD_SECONDS, at_once=False))
    assert deaths.storm
    assert recorded == deaths.streak == 19
    assert len(deaths.held) == 81


def test_an_answered_contact_lets_go_refused_contacts_and_holds_refused_purchases() -> None:
    deaths = Deaths(limit=4, recorded=Counter({Write.KNOWN_CONTACT: 1, Write.PURCHASE: 1}))
    contact, purchase = death(write=Write.KNOWN_CONTACT), death()
    deaths.add(contact)
    assert deaths.answered(CONTACT) == [contact]
    deaths.add(purchase)
    assert deaths.answered(CONTACT) == []
    assert (deaths.held, deaths.streak) == ([purchase], 1)


def test_a_storm_ends_for_all_that_are_held_once_too_few_are_left_without_proof() -> None:
    deaths = Deaths(limit=3)
    for write in (Write.KNOWN_CONTACT, Write.KNOWN_CONTACT, Write.PURCHASE):
        deaths.add(death(write=write))
    assert len(deaths.answered(CONTACT)) == 3
    assert not deaths.storm


def test_a_storm_stays_while_enough_are_left_without_proof() -> None:
    deaths = Deaths(limit=3, recorded=Counter({Write.PURCHASE: 2}))
    for write in (Write.KNOWN_CONTACT, Write.PURCHASE):
        deaths.add(death(write=write))
    assert deaths.answered(CONTACT) == []
    assert deaths.storm
    assert len(deaths.held) == 2


def test_a_count_from_before_a_restart_is_reset_by_a_purchase_alone() -> None:
    deaths = Deaths(limit=20)
    deaths.restore(5)
    deaths.restore(3)
    assert deaths.streak == 5
    deaths.answered({Write.KNOWN_CONTACT, Write.UPDATE})
    assert deaths.streak == 5
    deaths.answered(PURCHASE)
    assert deaths.streak == 0


def test_a_storm_with_nothing_left_to_try_ends_and_keeps_its_count() -> None:
    deaths = Deaths(limit=2, recorded=Counter({Write.PURCHASE: 1}))
    deaths.add(death())
    deaths.held.pop()
    deaths.tried()
    assert not deaths.storm
    deaths.add(death())
    assert deaths.storm


@pytest.mark.parametrize(
    ("failed_at", "write"),
    [
        (Step.READING, Write.NONE),
        (Step.PRELOOK, Write.KNOWN_CONTACT),
        (Step.UPSERT, Write.KNOWN_CONTACT),
        (Step.LOOK, Write.PURCHASE),
        (Step.CREATE, Write.PURCHASE),
        (Step.UPDATE, Write.UPDATE),
    ],
)
def test_an_order_is_refused_the_write_it_was_on_its_way_to(failed_at: Step, write: Write) -> None:
    assert refused_write(Job(7, 0, row(), [entry(1)], step=failed_at)) is write


def test_a_contact_without_a_row_is_a_new_one() -> None:
    assert refused_write(Job(7, 0, None, [entry(1)], step=Step.UPSERT)) is Write.NEW_CONTACT
    assert vouched(Job(7, 0, None, [entry(1)], answered={Step.UPSERT})) == {Write.NONE, Write.NEW_CONTACT}


def test_a_known_contact_that_is_edited_lets_no_refused_new_contact_go() -> None:
    deaths = Deaths(limit=5)
    for second in range(20):
        deaths.add(death(second, Write.NEW_CONTACT))
        assert deaths.answered(vouched(Job(7, 0, row(), [entry(1)], answered={Step.UPSERT}))) == []
        deaths.due(second + HOLD_SECONDS, at_once=False)
    assert deaths.storm
    assert deaths.streak == 4


def test_purchases_that_are_created_let_single_refused_updates_go_however_many_there_are() -> None:
    deaths = Deaths(limit=3)
    for second in range(10):
        deaths.add(death(second, Write.UPDATE))
        created = Job(8, 0, row(), [entry(1)], answered={Step.CREATE})
        assert len(deaths.answered(vouched(created))) == 1
    assert (deaths.storm, deaths.streak) == (False, 0)


def test_an_order_that_needed_no_write_vouches_for_nothing() -> None:
    assert vouched(Job(7, 0, row(), [entry(1)])) == set()
