"""The batch that is read: halved around a refused order, which alone answers for it; pauses while BaseLinker is ill."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clients import ApiError, BackpressureError, FatalError, Order, PacerClosed, RejectedError, RetriableError
from processor.circuit_breaker import LONGEST_PAUSE_SECONDS, PROBE_SECONDS, CircuitBreaker
from processor.decide.rules import RuleSettings
from processor.ending import Ending, Write
from processor.enrich.enricher import HAND_ON_SECONDS, Enricher
from processor.enrich.missing_orders import UNKNOWN_SECONDS, MissingOrders
from processor.enrich.stage import BATCH_ORDERS, LOOK_UPS_A_BATCH, Enrich
from processor.errors import NeedsOperator
from processor.job import Job
from processor.partition import Partition
from processor.values import Read
from schemas.progress import Progress
from schemas.records import Outcome
from tests.processor.by_hand import Threads
from tests.processor.entries import entry
from tests.processor.shop import Shop, allegro, an_order

RULES = RuleSettings(location="sklep")
ATTEMPTS = 5


class Odd(Shop):
    """Refuses what its `refuses` says, the sources where `refuses_sources`, and everything while `away` is an error."""

    def __init__(self, *orders: Order) -> None:
        super().__init__(*orders)
        self.refuses: Callable[[set[int]], bool] = lambda ids: False
        self.refuses_sources = False
        self.away: ApiError | None = None
        self.away_after: int | None = None
        self.passes: Callable[[], None] = lambda: None

    def orders(
        self, *, order_id: int | None = None, id_from: int | None = None, include_unconfirmed: bool = False
    ) -> list[Order]:
        if order_id is None and id_from is None:
            id_from = 1
        found = super().orders(order_id=order_id, id_from=id_from, include_unconfirmed=include_unconfirmed)
        self._answer({order.order_id for order in found})
        return found

    def order_sources(self) -> dict[str, dict[int, str]]:
        found = super().order_sources()
        if self.refuses_sources:
            raise RejectedError("no", api="BaseLinker")
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
    """The stage with an enricher, on a simulated clock; partition 0 is assigned, unless it is said otherwise."""

    def __init__(self, shop: Odd, proven: bool = True, assigned: bool = True, patient: bool = True) -> None:
        self.now, self.shop, self.threads = 1000.0, shop, Threads()
        self.breaker = CircuitBreaker("BaseLinker", patient, proven)
        self.enricher = Enricher(shop, RULES, lambda: self.now)
        missing = MissingOrders(20, patient)
        self.enrich = Enrich(self.enricher, self.breaker, missing, ATTEMPTS, self.threads)  # type: ignore[arg-type]
        if assigned:
            self.assign(0)
        self.read: list[int] = []
        self.found: list[Read] = []
        self.endings: list[Ending] = []

    def assign(self, number: int, rows: int = 0) -> None:
        self.enrich.assign(Partition(number, "T", 0.0, 0, Progress("T"), rows=rows))

    def submit(self, *order_ids: int, partition: int = 0) -> list[Job]:
        jobs = [Job(number, partition, (entry(number, number),), None) for number in order_ids]
        for job in jobs:
            self.enrich.submit(job)
        return jobs

    def poll(self, seconds: float = 0.0) -> None:
        self.now += seconds
        for one in self.enrich.poll(self.now):
            if isinstance(one, Ending):
                self.endings.append(one)
            else:
                assert one.enriched.order is None or one.enriched.order.order_id == one.job.order_id
                self.found.append(one)
                self.read.append(one.job.order_id)

    def turn(self, seconds: float = 1.0) -> None:
        """One call of the reading thread, begun and taken in."""
        self.poll(seconds)
        self.threads.run_all()
        self.poll()

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()


# ---- a batch


def test_a_batch_is_read_at_once_and_no_more_is_taken_meanwhile() -> None:
    place = Place(Odd(*(an_order(number) for number in range(1, 4))))
    place.poll()
    assert place.enrich.room == BATCH_ORDERS
    place.submit(1, 2)
    assert place.enrich.room == BATCH_ORDERS - 2
    place.poll()
    assert len(place.threads) == 1
    assert place.enrich.room == 0
    place.submit(3)
    place.poll()
    assert len(place.threads) == 1
    place.threads.run_all()
    place.turns(2)
    assert place.read == [1, 2, 3]


def test_orders_beyond_so_many_look_ups_wait_for_the_next_batch() -> None:
    orders = [an_order(number, phone=f"6012345{number:02d}") for number in range(1, 20)]
    later = [allegro(1000 + number, phone=f"6012345{number:02d}") for number in range(1, 20)]
    shop = Odd(*orders, *later)
    place = Place(shop)
    place.submit(*(order.order_id for order in later))
    place.turn()
    assert len(place.read) == LOOK_UPS_A_BATCH
    place.turns(4)
    assert sorted(place.read) == [order.order_id for order in later]


def test_one_refused_order_among_many_is_found_and_the_others_are_read() -> None:
    shop = Odd(*(an_order(number) for number in range(1, 65)))
    shop.refuses = lambda ids: 40 in ids
    place = Place(shop)
    bad = place.submit(*range(1, 65))[39]
    place.turns(100)
    assert sorted(place.read) == [number for number in range(1, 65) if number != 40]
    (ending,) = place.endings
    assert (ending.job, ending.outcome, ending.reason) == (bad, Outcome.DEAD, "order_refused")
    assert (ending.attempts, ending.refused) == (ATTEMPTS, Write.NONE)
    assert isinstance(ending.error, RejectedError)
    assert len(shop.requests) < 90


def test_an_order_that_is_refused_while_a_create_of_it_may_be_alive_keeps_its_wait() -> None:
    shop = Odd(an_order(1))
    shop.refuses = bool
    place = Place(shop)
    place.enrich.submit(Job(1, 0, (entry(1, 1),), None, settle_until=5000.0))
    place.turns(60)
    (ending,) = place.endings
    assert ending.not_before == 5000.0


def test_a_refusal_of_everything_speaks_against_no_order_and_makes_the_pauses_longer() -> None:
    shop = Odd(an_order(1))
    shop.refuses = lambda ids: True
    place = Place(shop)
    place.submit(1)
    place.turns(120)
    assert place.endings == []
    assert len(shop.requests) < 30
    shop.refuses = lambda ids: False
    place.turns(120)
    assert place.read == [1]


def test_what_is_read_within_some_seconds_is_handed_on_before_the_rest() -> None:
    shop = Odd(*(an_order(number * 1000) for number in range(1, 40)))
    shop.hidden_from_windows = set(shop.stored)  # each is asked for alone
    place = Place(shop)

    def second() -> None:
        place.now += 1.0

    shop.passes = second
    place.submit(*(number * 1000 for number in range(1, 40)))
    place.turn()
    assert 0 < len(place.read) <= HAND_ON_SECONDS
    place.turns(40)
    assert len(place.read) == 39


def test_pauses_stay_short_while_calls_get_somewhere_and_grow_while_they_do_not() -> None:
    shop = Odd(*(an_order(number * 1000) for number in range(1, 9)))
    shop.hidden_from_windows = set(shop.stored)  # each is asked for alone
    place = Place(shop)
    place.submit(*(number * 1000 for number in range(1, 9)))
    shop.away = RetriableError("away", api="BaseLinker")
    for answers in range(1, 5):
        shop.away_after = answers
        place.turn(2.0)
        assert shop.answers == answers
        assert place.breaker.pause == 1.0
    for pause in (2.0, 4.0, 8.0):
        place.turn(60.0)
        assert place.breaker.pause == pause
    assert place.enrich.room == 0
    shop.away = None
    place.turn(60.0)
    assert len(place.read) == 8


def test_a_block_is_waited_out_for_as_long_as_baselinker_says() -> None:
    shop = Odd(an_order(1))
    place = Place(shop)
    place.submit(1)
    shop.away = BackpressureError(
        "blocked", api="BaseLinker", retry_at=datetime(2100, 1, 1, tzinfo=UTC), may_have_applied=False
    )
    place.turns(3)
    asked = len(shop.requests)
    shop.away = None
    place.turn(LONGEST_PAUSE_SECONDS * 1000)
    assert len(shop.requests) == asked
    assert place.enrich.room == 0


def test_an_error_that_nobody_foresaw_is_not_logged_with_its_text() -> None:
    shop = Odd(an_order(1))

    def failing(ids: set[int]) -> bool:
        raise ValueError("jan@example.com")

    shop.refuses = lambda ids: failing(ids) if ids else False
    place = Place(shop)
    place.submit(1)
    place.turns(100)
    (ending,) = place.endings
    assert "jan@example.com" not in str(ending.error)
    assert "ValueError" in str(ending.error)


# ---- rules


def test_what_was_read_under_other_rules_is_read_again() -> None:
    place = Place(Odd(an_order(1)))
    place.submit(1)
    place.poll()
    place.enrich.use(replace(RULES, contact_tag="new"))  # while BaseLinker is asked
    place.threads.run_all()
    place.poll()
    assert place.read == []
    place.turn()
    assert place.read == [1]


def test_sources_are_asked_for_once_saved_settings_make_tags_of_their_names() -> None:
    place = Place(Odd(an_order(1), an_order(2)))
    place.submit(1)
    place.turn()
    assert place.shop.requests.count("sources") == 0
    place.enrich.use(replace(RULES, tag_order_source="name"))
    place.submit(2)
    place.turn()
    assert place.found[-1].enriched.sources["shop"][7] == "Sklep"


def test_a_saved_change_of_settings_reaches_the_look_up_by_phone() -> None:
    """What passed by under the old masks is judged again, and so is what the look-up had found."""
    relay = an_order(1, email="jan@relay.example")
    place = Place(Odd(relay, *(allegro(number) for number in range(2, 6))))
    place.submit(2)
    place.turn()
    assert place.found[-1].enriched.buyer_email == "jan@relay.example"
    masked = replace(RULES, masked_email_domains=(*RULES.masked_email_domains, "relay.example"))
    place.enrich.use(masked)
    place.submit(3)
    place.turn()
    assert place.found[-1].enriched.buyer_email is None
    place.enrich.use(RULES)
    place.submit(4)
    place.turn()
    assert place.found[-1].enriched.buyer_email == "jan@relay.example"


# ---- the first request, and a key that is refused


def test_the_token_is_tried_once_partitions_are_assigned_and_before_any_order_is_read() -> None:
    place = Place(Odd(an_order(1)), proven=False, assigned=False)
    place.turns(3)
    assert place.shop.requests == []
    place.assign(0)
    place.submit(1)
    place.turn()
    assert (place.shop.requests, place.breaker.proven) == (["sources"], True)
    place.turn()
    assert place.read == [1]


@pytest.mark.parametrize("patient", [True, False])
def test_a_token_that_was_never_accepted_ends_the_program(patient: bool) -> None:
    shop = Odd()
    shop.away = FatalError("check BASELINKER_TOKEN", api="BaseLinker")
    place = Place(shop, proven=False, patient=patient)
    with pytest.raises(NeedsOperator, match="BASELINKER_TOKEN"):
        place.turn()


def test_sources_that_fail_for_a_moment_are_no_reason_to_wait_where_orders_are_listed() -> None:
    shop = Odd(an_order(1))
    shop.order_sources = lambda: _raise(RetriableError("away", api="BaseLinker"))  # type: ignore[method-assign]
    place = Place(shop, proven=False)
    place.turn()
    assert place.breaker.proven
    assert place.breaker.pause == 0


def test_refused_sources_in_the_greeting_are_asked_for_again_after_growing_pauses() -> None:
    """They used to be asked for at the pacer's speed, which spent the whole share of the requests."""
    shop = Odd(an_order(1))
    shop.refuses_sources = True
    place = Place(shop, proven=False)
    place.submit(1)
    for _ in range(600):
        place.turn(0.5)
    assert shop.requests.count("sources") <= 10
    assert place.breaker.pause == LONGEST_PAUSE_SECONDS
    shop.refuses_sources = False
    place.turn(LONGEST_PAUSE_SECONDS)
    place.turn()
    assert place.read == [1]


def test_answers_from_before_this_membership_make_no_refused_greeting_look_like_progress() -> None:
    shop = Odd(an_order(1))
    shop.answers = 5
    shop.refuses_sources = True
    place = Place(shop, proven=False)
    for _ in range(20):
        place.turn(0.5)
    assert not place.breaker.proven
    assert shop.requests.count("sources") <= 4


def test_a_token_refused_in_mid_run_is_tried_once_a_minute_until_it_is_accepted() -> None:
    shop = Odd(an_order(1))
    shop.away = FatalError("check BASELINKER_TOKEN", api="BaseLinker")
    place = Place(shop)
    place.submit(1)
    place.turn()
    assert place.breaker.stopped == "check BASELINKER_TOKEN"
    asked = len(shop.requests)
    for _ in range(30):
        place.turn(PROBE_SECONDS / 10)
    assert len(shop.requests) == asked + 3
    assert place.enrich.room == 0
    shop.away = None
    place.turn(PROBE_SECONDS)
    assert place.breaker.stopped is None
    place.turn()
    assert place.read == [1]


def test_requests_that_the_end_of_the_program_refused_say_nothing_about_baselinker() -> None:
    shop = Odd(an_order(1))
    shop.order_sources = lambda: _raise(PacerClosed())  # type: ignore[method-assign]
    place = Place(shop, proven=False)
    place.turn()
    assert (place.breaker.proven, place.breaker.failures, place.breaker.pause) == (False, 0, 0.0)


# ---- orders that are not shown


def test_an_order_that_is_not_shown_is_asked_for_again_and_unknown_once_others_were_shown() -> None:
    place = Place(Odd(an_order(2)))
    place.submit(1)
    place.turns(int(UNKNOWN_SECONDS) - 2)
    assert place.read == []
    assert place.enrich.retrying == 1
    place.turns(10)
    assert place.read == [1]
    assert place.found[0].enriched.order is None
    assert place.enrich.retrying == 0


def test_an_order_that_shows_up_late_is_read() -> None:
    place = Place(Odd(an_order(2)))
    place.submit(1)
    place.turns(10)
    place.shop.stored[1] = an_order(1)
    place.turns(10)
    assert place.read == [1]
    assert place.found[0].enriched.order == place.shop.stored[1]


def test_a_ledger_with_rows_says_that_the_shop_is_not_empty() -> None:
    place = Place(Odd(), assigned=False)
    place.assign(0, rows=1)
    place.submit(1)
    place.turns(int(UNKNOWN_SECONDS) * 3)
    assert place.read == []


# ---- partitions come and go


def test_jobs_of_a_revoked_partition_are_dropped_wherever_they_are() -> None:
    place = Place(Odd(an_order(1), an_order(2), an_order(4)))
    place.assign(1)
    place.submit(1, 3)
    place.submit(2, partition=1)
    place.turn()
    assert place.read == [1, 2]  # order 3 waits to be asked for again
    place.submit(4)
    place.poll()
    place.submit(1)
    place.enrich.revoke({0})
    assert place.enrich.retrying == 0
    place.threads.run_all()
    place.turns(60)
    assert place.read == [1, 2]
    assert place.endings == []


def test_an_order_that_comes_again_while_its_dropped_job_is_read_is_handed_on_once() -> None:
    place = Place(Odd(an_order(1)))
    (old,) = place.submit(1)
    place.poll()
    place.enrich.revoke({0})
    place.assign(0)
    (new,) = place.submit(1)
    place.threads.run_all()
    place.turns(3)
    assert [one.job for one in place.found] == [new]
    assert old is not new


def test_an_order_that_was_refused_and_revoked_has_no_outcome_here() -> None:
    shop = Odd(an_order(1))
    shop.refuses = bool
    place = Place(shop)
    place.submit(1)
    place.poll()
    place.threads.run_all()
    place.poll()  # now BaseLinker is asked something harmless
    place.enrich.revoke({0})
    place.threads.run_all()
    place.turns(60)
    assert place.endings == []


def _raise(error: Exception) -> dict[str, dict[int, str]]:
    raise error
