"""Which cursor a term starts from."""

from dataclasses import replace

import pytest

from producer.journal.cursor import first_cursor
from producer.journal.initial_cursor import starting_cursor
from producer.sweep.schedule import due
from runtime.topic_identity import PartitionsChanged, TopicIdentity
from schemas.records import Cursor
from tests.producer.simulated import DAY, HOUR, MINUTE, NOW, World, plan

HERE = TopicIdentity("journal", "here", 6)


def start(
    cursor: Cursor | None, start_from: str = "earliest", used: bool = False, world: World | None = None
) -> Cursor:
    world = world or World(plan())
    world.used = used
    return starting_cursor(cursor, HERE, world, plan(start_from=start_from), NOW)


def test_a_cursor_of_the_same_topic_is_taken_as_it_is_and_one_without_topic_notes_it() -> None:
    cursor = first_cursor(NOW, 6, 99, "here")
    assert start(cursor) is cursor
    assert start(replace(cursor, journal_topic_id="")) == cursor


def test_a_first_start_takes_the_topic_the_count_and_the_journals_end_if_asked_to() -> None:
    world = World(plan())
    world.shop.log(40, NOW - HOUR)
    assert start(None, world=world) == first_cursor(NOW, 6, 0, "here")
    assert start(None, "latest", world=world) == first_cursor(NOW, 6, 40, "here")


def test_a_journal_with_another_number_of_partitions_is_refused() -> None:
    with pytest.raises(PartitionsChanged, match="has 6 partitions and had 5"):
        start(first_cursor(NOW, 5, 99, "here"))


def test_another_topic_means_reading_all_again_and_sweeping_three_days() -> None:
    again = start(first_cursor(NOW - 9 * DAY, 6, 99, "there"))
    assert (again.settled_log_id, again.journal_topic_id) == (0, "here")
    wanted = due(again, plan(), NOW)
    assert wanted is not None and wanted.unread and wanted.again
    assert wanted.since <= NOW - 3 * DAY


def test_another_topic_does_not_bring_what_lies_before_a_start_from_the_journals_end() -> None:
    world = World(plan())
    for log_id, at in ((40, NOW - 2 * HOUR), (41, NOW - 90 * MINUTE), (42, NOW - 30 * MINUTE)):
        world.shop.log(log_id, at)
    begun = first_cursor(NOW - HOUR, 6, 41, "there")
    again = start(begun, "latest", world=world)
    assert again.settled_log_id == 41
    wanted = due(again, plan(start_from="latest"), NOW)
    assert wanted is not None and wanted.since == NOW - HOUR


def test_a_lost_cursor_reads_everything_again_even_where_starts_are_from_the_journals_end() -> None:
    world = World(plan())
    world.shop.log(40, NOW - HOUR)
    again = start(None, "latest", used=True, world=world)
    assert again.settled_log_id == 0
    wanted = due(again, plan(start_from="latest"), NOW)
    assert wanted is not None and wanted.since <= NOW - 3 * DAY
