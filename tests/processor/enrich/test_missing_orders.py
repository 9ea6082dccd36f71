"""Orders that BaseLinker does not show: skipped only on proof that it shows any."""

from processor.enrich.missing_orders import AGAIN_SECONDS, UNKNOWN_SECONDS, Unknown
from processor.job import Jobs
from tests.processor.entries import entry


class Place:
    """A clock, and what BaseLinker showed."""

    def __init__(self, unknown: int, shown_at: float | None = None, ledger_knows: bool = False) -> None:
        self.now, self.shown_at = 100.0, shown_at
        jobs = Jobs()
        self.jobs = [jobs.open(number, 0, [entry(number)], None) for number in range(unknown)]
        self.unknown = Unknown(jobs, 20, lambda: self.shown_at, lambda: ledger_knows, lambda: self.now)

    def after(self, seconds: float) -> list[float | None]:
        self.now += seconds
        return [self.unknown.again_in(job) for job in self.jobs]


def test_an_unknown_order_is_read_again_for_a_while() -> None:
    place = Place(1)
    assert place.after(0) == place.after(UNKNOWN_SECONDS - 1) == [AGAIN_SECONDS]


def test_it_is_unknown_for_good_once_others_were_shown_since() -> None:
    place = Place(30)
    place.after(0)
    place.shown_at = place.now + 1
    assert set(place.after(UNKNOWN_SECONDS)) == {None}
    assert not place.unknown.nothing_listed


def test_an_order_that_was_shown_meanwhile_is_waited_for_anew() -> None:
    place = Place(1)
    place.after(0)
    place.shown_at = place.now + 1
    place.unknown.shown(place.jobs[0])  # decided, held as a dead letter, and read again later
    assert place.after(UNKNOWN_SECONDS * 10) == [AGAIN_SECONDS]


def test_a_few_are_believed_in_a_shop_that_was_never_seen_to_have_orders() -> None:
    place = Place(3)
    place.after(0)
    assert set(place.after(UNKNOWN_SECONDS)) == {None}


def test_many_are_not_believed_while_nothing_at_all_is_listed() -> None:
    place = Place(30)
    place.after(0)
    assert None not in place.after(UNKNOWN_SECONDS)
    assert place.unknown.nothing_listed
    place.shown_at = place.now
    assert set(place.after(1)) == {None}


def test_one_is_not_believed_where_the_ledger_knows_of_orders_or_some_were_listed_before() -> None:
    for place in (Place(1, ledger_knows=True), Place(1, shown_at=50.0)):
        place.after(0)
        assert None not in place.after(UNKNOWN_SECONDS * 10)
