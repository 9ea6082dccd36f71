"""Which sweep is due, and that its end closes it."""

from datetime import timedelta

import pytest

from producer.sweep.schedule import due, swept
from schemas.records import Cursor
from tests.producer.simulated import NOW, plan

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("before_the_start", [timedelta(), 2 * HOUR, 30 * HOUR])
def test_a_regular_sweep_moves_a_mark_that_lies_before_the_first_start_too(
    before_the_start: timedelta,
) -> None:
    started_at = NOW - 4 * HOUR
    cursor = Cursor(7, (), 6, started_at - before_the_start, NOW, started_at=started_at)
    wanted = due(cursor, plan(HOUR), NOW)
    assert wanted is not None and wanted.regular
    assert wanted.since <= started_at
    after = swept(cursor, wanted, NOW, NOW)
    assert after.swept_to is not None and after.swept_to >= NOW
    assert due(after, plan(HOUR), NOW) is None
