"""How much is taken, and when: room, pauses, the breaker of dead letters, and what a person saved."""

from typing import Any

import pytest

from processor.decide.rules import Enriched, RuleSettings
from processor.values import Read
from schemas.records import Outcome
from tests.processor.fake_stages import AGAIN, JOB, ROW, Place
from tests.processor.shop import an_order


@pytest.mark.parametrize("why", ["paused", "opened or closed"])
def test_a_pause_and_a_change_of_the_breaker_give_all_work_up_and_restore_it(why: str) -> None:
    """The partitions stay this member's: their entries come again from the committed offsets."""
    place = Place()
    place.owns(0)
    place.partitions.assigned({1})
    place.asked.clear()
    if why == "paused":
        place.operator.paused = True
    else:
        place.record.changed = True
    place.turn()
    assert place.asked == [("source.pause", [0, 1]), *AGAIN, ("restore.begin", [0, 1])]
    place.asked.clear()
    place.turn()
    assert place.asked == [], "once is enough"


def test_a_pause_goes_through_once_each_time() -> None:
    place = Place()
    for _ in range(2):
        place.operator.paused = True
        place.turn()
        place.turn()
        assert place.names().count("source.pause") == 1
        place.operator.paused = False
        place.turn()
        place.asked.clear()


# ---- how much is taken


def test_no_more_is_taken_than_coalesce_and_the_retries_of_deliver_have_room_for() -> None:
    place = Place()
    assert place.room() == 500
    place.coalesce.room = 20
    assert place.room() == 20
    place.deliver.room = 7
    assert place.room() == 7
    place.deliver.room = -3
    assert place.room() == 0


@pytest.mark.parametrize(("paused", "known"), [(True, True), (False, False), (True, False)])
def test_nothing_is_taken_while_paused_or_before_it_is_known_what_was_saved(paused: bool, known: bool) -> None:
    place = Place()
    place.operator.paused, place.operator.known = paused, known
    place.record.breaker.open = True
    place.record.trials.extend([True] * 2)
    assert place.room() == 0


def test_while_the_breaker_is_open_one_order_is_taken_where_it_allows_a_trial() -> None:
    place = Place()
    place.record.breaker.open = True
    place.record.trials.extend([False, True, False])
    assert [place.room() for _ in range(3)] == [0, 1, 0]
    assert ("record.try_one", True) in place.asked
    place.asked.clear()
    place.coalesce.unfinished = 1
    place.record.trials.append(False)
    place.room()
    assert ("record.try_one", False) in place.asked, "the last one has no outcome yet"


@pytest.mark.parametrize(("at_end", "open_entries", "again"), [(True, 3, True), (False, 3, False), (True, 0, False)])
def test_once_all_were_tried_the_first_of_them_comes_again(at_end: bool, open_entries: int, again: bool) -> None:
    place = Place()
    place.owns(0)
    place.record.breaker.open = True
    place.record.trials.append(True)
    place.source.at_end, place.commit.open_entries = at_end, open_entries
    assert place.room() == (0 if again else 1)
    assert (("restore.begin", [0]) in place.asked) is again


@pytest.mark.parametrize(
    ("in_flight", "loading", "unfinished", "flushes", "seconds"),
    [
        (0, False, 0, 0, 0.1),
        (0, False, 1, 0, 0.02),
        (0, False, 0, 1, 0.02),
        (1, False, 1, 1, 0.0),
        (0, True, 0, 0, 0.0),
    ],
)
def test_messages_are_waited_for_where_nothing_else_is_to_do(
    in_flight: int, loading: bool, unfinished: int, flushes: int, seconds: float
) -> None:
    place = Place()
    place.deliver.in_flight, place.coalesce.unfinished, place.commit.flushes = in_flight, unfinished, flushes
    place.restore.numbers = {0} if loading else set()
    place.turn()
    assert place.source.waits == [seconds]


# ---- what the operator and Kafka change


def test_saved_settings_reach_the_reading_and_the_decision() -> None:
    place = Place()
    place.turn()
    assert place.asked == []
    place.operator.rules = RuleSettings(location="sklep", skip_shop_orders=True)
    place.enrich.out.append(Read(JOB, Enriched(an_order(7, order_source="shop"))))
    place.turn()
    assert place.asked[0] == ("enrich.use", place.operator.rules)
    (_, ending) = place.asked[1]
    assert (ending.outcome, ending.reason) == (Outcome.SKIPPED, "shop_order")
    place.asked.clear()
    place.turn()
    assert place.asked == [], "once is enough"


def test_while_rows_are_rejected_nothing_is_sent_and_an_unfinished_row_is_written_to_find_out() -> None:
    place = Place()
    place.commit.doubted = True
    place.turn()
    assert place.deliver.held
    assert place.asked == [], "nothing is unfinished"
    place.coalesce.row = JOB, ROW
    place.turn()
    assert place.asked == [("commit.rewrite", JOB, ROW)]
    place.asked.clear()
    place.commit.flushes = 1
    place.turn()
    assert place.asked == [], "the last one has no answer yet"
    place.commit.doubted = False
    place.turn()
    assert not place.deliver.held


def test_record_knows_whether_all_that_is_left_are_the_dead_letters_that_it_holds() -> None:
    place = Place()
    for held, unfinished, idle in ((0, 0, True), (2, 3, False), (3, 3, True)):
        place.record.held_jobs, place.coalesce.unfinished = held, unfinished
        place.turn()
        assert place.record.idle is idle


@pytest.mark.parametrize(
    ("change", "caught_up"),
    [
        ({}, True),
        ({"source.at_end": False}, False),
        ({"coalesce.unfinished": 1}, False),
        ({"record.held": 1}, False),
        ({"commit.flushes": 1}, False),
        ({"operator.paused": True}, False),
        ({"operator.known": False}, False),
        ({"enrich.breaker.proven": False}, False),
        ({"enrich.breaker.proven": False, "commit.partitions": set()}, True),
    ],
)
def test_it_has_caught_up_once_nothing_of_its_partitions_is_left(change: dict[str, Any], caught_up: bool) -> None:
    place = Place()
    place.owns(0)
    for path, value in change.items():
        *way, name = path.split(".")
        target: Any = place
        for step in way:
            target = getattr(target, step)
        setattr(target, name, value)
    assert place.flow.caught_up is caught_up
