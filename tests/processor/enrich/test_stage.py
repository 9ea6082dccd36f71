"""The batch that is read: halved around a refused order, which alone answers for it; pauses while BaseLinker is ill."""

import time
from collections.abc import Callable
from threading import Event

from clients import ApiError, Order, RejectedError, RetriableError
from processor.circuit_breaker import Gate
from processor.decide.rules import Enriched, RuleSettings
from processor.enrich.enricher import HAND_ON_SECONDS, Enricher
from processor.enrich.stage import Read
from processor.job import Job, Jobs
from tests.processor.entries import entry
from tests.processor.shop import Shop, an_order


class Odd(Shop):
    """Refuses what its `refuses` says, and everything while `away` holds an error."""

    def __init__(self, *orders: Order) -> None:
        super().__init__(*orders)
        self.refuses: Callable[[set[int]], bool] = lambda ids: False
        self.away: ApiError | None = None
        self.away_after: int | None = None
        self.passes: Callable[[], None] = lambda: None

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        found = super().orders(order_id=order_id, id_from=id_from, include_unconfirmed=include_unconfirmed)
        self._answer({order.order_id for order in found})
        return found

    def order_sources(self) -> dict[str, dict[int, str]]:
        found = super().order_sources()
        self._answer(set())
        return found

    def _answer(self, ids: set[int]) -> None:
        if self.away is not None and (self.away_after is None or self.answers >= self.away_after):
            raise self.away
        if self.refuses(ids):
            raise RejectedError("no", api="BaseLinker")
        self.answers += 1
        self.passes()


class Place:
    """A Read with everything around it recorded."""

    def __init__(self, shop: Odd) -> None:
        self.now, self.shop = 100.0, shop
        self.jobs, self.gate = Jobs(), Gate("BaseLinker")
        self.decided: list[int] = []
        self.rejected: list[int] = []
        enricher = Enricher(shop, RuleSettings(location="sklep"), lambda: self.now)
        self.read = Read(enricher, self.gate, self.jobs, lambda: self.now, self.decide, self.reject, Event())

    def decide(self, job: Job, found: Enriched) -> None:
        assert found.order is not None
        self.decided.append(job.order_id)

    def reject(self, job: Job, error: Exception) -> None:
        self.rejected.append(job.order_id)

    def wait(self, *order_ids: int) -> None:
        for order_id in order_ids:
            self.jobs.open(order_id, 0, [entry(order_id)], None)

    def turn(self, seconds: float = 1.0) -> None:
        """One call of the reading thread, begun and taken in."""
        self.now += seconds
        self.read.advance()
        until = time.monotonic() + 30
        while self.read.busy and time.monotonic() < until:
            self.read.advance()
            time.sleep(0.001)

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()


def test_one_refused_order_among_many_is_found_and_the_others_are_read() -> None:
    shop = Odd(*(an_order(number) for number in range(1, 65)))
    shop.refuses = lambda ids: 40 in ids
    place = Place(shop)
    place.wait(*range(1, 65))
    place.turns(100)
    assert sorted(place.decided) == [number for number in range(1, 65) if number != 40]
    assert place.rejected == [40]
    assert len(shop.requests) < 90


def test_a_refusal_of_everything_speaks_against_no_order_and_makes_the_pauses_longer() -> None:
    shop = Odd(an_order(1))
    shop.refuses = lambda ids: True
    place = Place(shop)
    place.wait(1)
    place.turns(120)
    assert place.rejected == []
    assert len(shop.requests) < 30
    shop.refuses = lambda ids: False
    place.turns(120)
    assert place.decided == [1]


def test_what_is_read_within_some_seconds_is_handed_on_before_the_rest() -> None:
    shop = Odd(*(an_order(number * 1000) for number in range(1, 40)))
    shop.hidden_from_windows = set(shop.stored)  # each is asked for alone
    place = Place(shop)

    def second() -> None:
        place.now += 1.0

    shop.passes = second
    place.wait(*(number * 1000 for number in range(1, 40)))
    place.turns(2)
    assert 0 < len(place.decided) <= HAND_ON_SECONDS
    place.turns(40)
    assert len(place.decided) == 39


def test_pauses_stay_short_while_calls_get_somewhere_and_grow_while_they_do_not() -> None:
    shop = Odd(*(an_order(number * 1000) for number in range(1, 9)))
    shop.hidden_from_windows = set(shop.stored)  # each is asked for alone
    place = Place(shop)
    place.wait(*(number * 1000 for number in range(1, 9)))
    place.read.advance()
    shop.away = RetriableError("away", api="BaseLinker")
    for answers in range(1, 5):
        shop.away_after = answers
        place.turn(2.0)
        assert shop.answers == answers
        assert place.gate.pause == 1.0
    for pause in (2.0, 4.0, 8.0):
        place.turn(60.0)
        assert place.gate.pause == pause
    shop.away = None
    place.turn(60.0)
    assert len(place.decided) == 8


def test_what_was_read_under_other_rules_is_read_again() -> None:
    place = Place(Odd(an_order(order_id=1)))
    place.wait(1)
    place.turn()
    place.now += 1
    place.read.advance()
    place.read.outdate()  # the rules change while BaseLinker is asked
    place.turn(0)
    assert place.decided == []
    place.turns(2)
    assert place.decided == [1]
