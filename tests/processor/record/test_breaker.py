"""The breaker of dead letters: what it counts, when it opens, whom it lets try, and what closes it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.ending import Write
from processor.record.breaker import TRIAL_LASTS_SECONDS, TRIAL_SECONDS, DeadLetterBreaker

CONTACT, PURCHASE = {Write.NONE, Write.KNOWN_CONTACT}, {Write.NONE, Write.KNOWN_CONTACT, Write.UPDATE, Write.PURCHASE}
REFUSED = [Write.PURCHASE]


def opened(limit: int = 3, **counted: int) -> DeadLetterBreaker:
    breaker = DeadLetterBreaker(limit, Counter({Write[kind]: count for kind, count in counted.items()}))
    assert breaker.check([Write.PURCHASE] * (limit - breaker.streak), 0.0)
    return breaker


@pytest.mark.parametrize(
    ("limit", "recorded", "held", "opens"),
    [
        (3, [], REFUSED * 2, False),
        (3, [], REFUSED * 3, True),
        (3, REFUSED * 2, [], False),
        (3, REFUSED * 2, REFUSED, True),
        (3, [Write.NONE, Write.UPDATE], [Write.NEW_CONTACT], True),  # over all kinds together
        (1, [], [], False),
        (1, [], REFUSED, True),
    ],
)
def test_it_opens_where_the_recorded_ones_and_the_held_ones_reach_the_limit(
    limit: int, recorded: list[Write], held: list[Write], opens: bool
) -> None:
    breaker = DeadLetterBreaker(limit)
    for write in recorded:
        breaker.recorded(write)
    assert breaker.check(held, 0.0) is opens
    assert breaker.open is opens
    assert breaker.streak == len(recorded) + (len(held) if opens else 0)
    assert not breaker.check(held, 0.0), "it opens once"


@pytest.mark.parametrize(
    ("counted", "answered", "left"),
    [
        ({Write.PURCHASE: 2}, PURCHASE, 0),
        ({Write.PURCHASE: 2}, CONTACT, 2),
        ({Write.PURCHASE: 2}, {Write.UPDATE}, 2),
        ({Write.PURCHASE: 2}, set(), 2),
        ({Write.NEW_CONTACT: 2}, CONTACT, 2),  # a known contact does not show that the account takes more of them
        ({Write.KNOWN_CONTACT: 1, Write.PURCHASE: 1}, CONTACT, 1),
        ({Write.UPDATE: 2}, PURCHASE, 0),
        ({Write.NONE: 1, Write.PURCHASE: 1}, {Write.NONE, Write.UPDATE}, 1),
    ],
)
def test_an_answered_write_resets_the_count_of_the_kinds_that_it_vouches_for(
    counted: dict[Write, int], answered: set[Write], left: int
) -> None:
    breaker = DeadLetterBreaker(3, Counter(counted))
    assert not breaker.accepted(answered)
    assert breaker.streak == left


@pytest.mark.parametrize("writes", [set(), CONTACT, {Write.UPDATE}, {Write.NEW_CONTACT, Write.UPDATE}])
def test_refused_purchases_reach_the_limit_whatever_else_is_answered_between_them(writes: set[Write]) -> None:
    breaker = DeadLetterBreaker(20)
    recorded = 0
    while not breaker.check(REFUSED, 0.0):
        breaker.accepted(writes)
        breaker.recorded(Write.PURCHASE)
        recorded += 1
    assert (recorded, breaker.streak) == (19, 20)


@pytest.mark.parametrize(
    ("counted", "answered", "closes"),
    [
        ({Write.PURCHASE: 3}, PURCHASE, True),
        ({Write.PURCHASE: 3}, CONTACT, False),
        ({Write.PURCHASE: 3}, set(), False),
        ({Write.PURCHASE: 2, Write.KNOWN_CONTACT: 1}, CONTACT, True),  # too few are left without proof
        ({Write.PURCHASE: 3, Write.KNOWN_CONTACT: 1}, CONTACT, False),
        ({Write.NONE: 3}, CONTACT, True),
        ({Write.NEW_CONTACT: 3}, {Write.NONE, Write.NEW_CONTACT}, True),
    ],
)
def test_answered_writes_close_it_once_those_of_other_kinds_are_below_the_limit(
    counted: dict[Write, int], answered: set[Write], closes: bool
) -> None:
    breaker = DeadLetterBreaker(3, Counter(counted), open=True)
    assert breaker.accepted(answered) is closes
    assert breaker.open is not closes
    assert not breaker.accepted(answered), "it closes once"


@pytest.mark.parametrize(("limit", "before", "restored"), [(20, 5, 5), (20, 20, 19), (20, 1000, 19), (1, 1, 0)])
def test_a_count_from_before_a_restart_stays_one_short_of_the_limit(limit: int, before: int, restored: int) -> None:
    breaker = DeadLetterBreaker(limit)
    breaker.restore(before)
    assert breaker.streak == restored
    assert not breaker.check([], 0.0)
    assert breaker.check(REFUSED, 0.0) is (restored == limit - 1)


def test_a_count_from_before_a_restart_is_taken_once_and_reset_by_a_purchase_alone() -> None:
    breaker = DeadLetterBreaker(20)
    for before in (5, 3, 5):  # as many partitions
        breaker.restore(before)
    assert breaker.streak == 5
    breaker.accepted({Write.NONE, Write.KNOWN_CONTACT, Write.UPDATE})
    assert breaker.streak == 5
    breaker.accepted(PURCHASE)
    assert breaker.streak == 0


def test_while_it_is_open_a_count_of_before_changes_nothing() -> None:
    breaker = opened()
    breaker.restore(2)
    assert breaker.streak == 3


def test_closed_it_grants_no_trial() -> None:
    assert not DeadLetterBreaker(3).trial(1e9, idle=True)


def test_one_order_a_minute_is_tried_and_the_next_one_after_the_last_has_ended() -> None:
    breaker = opened()
    assert not breaker.trial(TRIAL_SECONDS - 1, idle=True)
    assert breaker.trial(TRIAL_SECONDS, idle=True)
    assert not breaker.trial(TRIAL_SECONDS, idle=False), "it is under way"
    breaker.tried(TRIAL_SECONDS + 5)
    assert not breaker.trial(2 * TRIAL_SECONDS, idle=True)
    assert breaker.trial(2 * TRIAL_SECONDS + 5, idle=True)


def test_an_entry_that_turned_out_to_need_no_write_takes_no_trial_away() -> None:
    breaker = opened()
    assert [breaker.trial(TRIAL_SECONDS, idle=True) for _ in range(5)] == [True] * 5


def test_an_order_that_is_stuck_holds_the_next_trial_up_for_ten_minutes_each() -> None:
    breaker = opened()
    assert breaker.trial(TRIAL_SECONDS, idle=True)
    stuck = TRIAL_SECONDS + TRIAL_LASTS_SECONDS
    assert not breaker.trial(stuck - 1, idle=False)
    assert breaker.trial(stuck, idle=False)
    assert not breaker.trial(stuck + TRIAL_LASTS_SECONDS - 1, idle=False)
    assert breaker.trial(stuck + TRIAL_LASTS_SECONDS, idle=False)


KINDS = st.sampled_from(list(Write))


@given(st.integers(1, 5), st.lists(KINDS | st.frozensets(KINDS)))
def test_it_never_records_as_many_as_the_limit_without_an_answer_of_one_of_their_kinds(
    limit: int, happens: list[Write | frozenset[Write]]
) -> None:
    breaker, recorded = DeadLetterBreaker(limit), list[Write]()
    for one in happens:
        if isinstance(one, frozenset):
            breaker.accepted(one)
            recorded = [write for write in recorded if write not in one]
        elif not breaker.check([one], 0.0) and not breaker.open:
            breaker.recorded(one)
            recorded.append(one)
        assert len(recorded) < limit
        assert breaker.streak >= len(recorded)
