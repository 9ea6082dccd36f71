from dataclasses import replace
from datetime import timedelta

from producer.journal.cursor import (
    MOST_GAPS,
    MOST_RECENT,
    SETTLE_AFTER,
    advance,
    first_cursor,
    note_gaps,
    start_over,
    top,
)
from tests.producer.simulated import DAY, HOUR, NOW


def test_ids_settle_in_order_once_they_are_old_enough() -> None:
    old, young = NOW - SETTLE_AFTER, NOW - SETTLE_AFTER + timedelta(seconds=1)
    cursor = advance(first_cursor(NOW, 6), [1, 2, 3], {1: old, 2: young, 3: old}, NOW, NOW)
    assert (cursor.settled_log_id, cursor.recent_log_ids) == (1, (2, 3))
    assert top(cursor) == 3


def test_recent_ids_are_bounded() -> None:
    cursor = advance(first_cursor(NOW, 6), range(1, MOST_RECENT + 101), {}, NOW, NOW)
    assert len(cursor.recent_log_ids) == MOST_RECENT
    assert cursor.settled_log_id == 100


def test_a_journal_unread_for_days_stays_so_until_its_sweep_ends() -> None:
    behind = replace(first_cursor(NOW, 6), read_at=NOW - 3 * DAY)
    assert advance(behind, [1], {}, NOW, NOW).read_at == NOW - 3 * DAY
    fresh = replace(behind, read_at=NOW - HOUR)
    assert advance(fresh, [1], {}, NOW, NOW).read_at == NOW


def test_a_cursor_that_starts_over_reads_everything_again_and_keeps_its_count() -> None:
    cursor = replace(first_cursor(NOW, 6, 500, "old"), recent_log_ids=(501, 502))
    again = start_over(cursor, NOW, 0, "new")
    assert (again.settled_log_id, again.recent_log_ids, again.journal_topic_id) == (0, (), "new")
    assert (again.journal_partitions, again.read_at) == (6, NOW - 3 * DAY)


def test_closed_gaps_are_bounded_and_the_newest_ones_stay() -> None:
    cursor = first_cursor(NOW, 6)
    for number in range(MOST_GAPS + 5):
        cursor = note_gaps(cursor, [str(number)])
    cursor = note_gaps(cursor, ["10"])
    assert len(cursor.gaps_closed) == MOST_GAPS
    assert cursor.gaps_closed[-2:] == (str(MOST_GAPS + 4), "10")
