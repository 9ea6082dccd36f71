"""How far an interrupted backfill came: nothing may be left out when it goes on from there. Pure."""

from datetime import UTC, datetime, timedelta

from operations.backfill import Reached

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def days(*numbers: int) -> list[datetime]:
    return [SINCE + timedelta(days=number) for number in numbers]


def test_pages_that_come_by_date_are_done_up_to_their_last_order() -> None:
    reached = Reached(SINCE)
    reached.add(days(1, 2, 2))
    reached.add([])
    reached.add(days(2, 5))
    assert [reached.at] == days(5)


def test_once_pages_do_not_come_by_date_all_is_done_again() -> None:
    reached = Reached(SINCE)
    reached.add(days(1, 2))
    reached.add(days(9, 4))
    reached.add(days(10, 11))
    assert reached.at == SINCE
