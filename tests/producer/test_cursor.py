from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clients import JournalLog, Order
from producer.cursor import MOST_RECENT, SETTLE_AFTER, advance, first_cursor, new_logs, top
from producer.sweep import confirmed_since

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def log(log_id: int, at: datetime = NOW) -> JournalLog:
    return JournalLog(log_id, 1, log_id * 10, None, at)


@given(
    ids=st.sets(st.integers(1, 400), max_size=60),
    late=st.sets(st.integers(1, 400), max_size=10),
    page=st.integers(2, 20),
    inclusive=st.booleans(),
)
def test_every_log_id_is_published_once_whatever_the_reading_of_the_cursor(
    ids: set[int], late: set[int], page: int, inclusive: bool
) -> None:
    cursor, published = first_cursor(NOW, 6), []
    dates: dict[int, datetime] = {}
    for visible in (sorted(ids - late), sorted(ids)):  # the late ones show up below the cursor
        at = cursor.settled_log_id
        while True:
            answer = [log(one) for one in visible if (one >= at if inclusive else one > at)][:page]
            fresh = new_logs(cursor, answer)
            published += [one.log_id for one in fresh]
            dates |= {one.log_id: NOW for one in fresh}
            cursor = advance(cursor, [one.log_id for one in fresh], dates, NOW)
            highest = max((one.log_id for one in answer), default=at)
            if highest <= at:
                break
            at = highest
    assert sorted(published) == sorted(ids)


def test_ids_settle_in_order_once_they_are_old_enough() -> None:
    old, young = NOW - SETTLE_AFTER, NOW - SETTLE_AFTER + timedelta(seconds=1)
    cursor = advance(first_cursor(NOW, 6), [1, 2, 3], {1: old, 2: young, 3: old}, NOW)
    assert (cursor.settled_log_id, cursor.recent_log_ids) == (1, (2, 3))
    assert top(cursor) == 3


def test_recent_ids_are_bounded() -> None:
    cursor = advance(first_cursor(NOW, 6), range(1, MOST_RECENT + 101), {}, NOW)
    assert len(cursor.recent_log_ids) == MOST_RECENT
    assert cursor.settled_log_id == 100


def shop(seconds: list[int]) -> list[Order]:
    made = [Order(order_id=number, confirmed=True, date_confirmed=NOW + timedelta(seconds=at))
            for number, at in enumerate(seconds, 1)]  # fmt: skip
    return sorted(made, key=lambda order: (order.date_confirmed or NOW, order.order_id))


@given(st.lists(st.integers(0, 40), max_size=450).filter(lambda at: all(at.count(one) < 100 for one in set(at))))
def test_no_order_is_lost_or_doubled_at_a_pages_edge(seconds: list[int]) -> None:
    orders = shop(seconds)

    def ask(confirmed_from: datetime) -> list[Order]:
        return [order for order in orders if order.date_confirmed and order.date_confirmed >= confirmed_from][:100]

    found = [order.order_id for page in confirmed_since(ask, NOW) for order in page]
    assert sorted(found) == sorted(order.order_id for order in orders)


def test_a_second_that_fills_a_page_does_not_stop_the_sweep() -> None:
    orders = shop([0] * 100 + [1, 2])

    def ask(confirmed_from: datetime) -> list[Order]:
        return [order for order in orders if order.date_confirmed and order.date_confirmed >= confirmed_from][:100]

    assert sum(len(page) for page in confirmed_since(ask, NOW)) == 102
