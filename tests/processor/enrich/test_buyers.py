"""The Allegro buyer is who bought elsewhere before under the same phone, found with few requests."""

from datetime import timedelta
from typing import Any

import pytest

from clients import Order, OrderSummary
from processor.decide.rules import Enriched, RuleSettings
from processor.enrich.buyers import ASKED_SECONDS, REMEMBERED_SECONDS, Buyers
from processor.enrich.coverage import COVERED_SECONDS, Coverage
from processor.enrich.enricher import Enricher
from processor.enrich.order_pages import OrderPages
from tests.processor.shop import MASK, Shop, allegro, an_order, at

RULES = RuleSettings(location="sklep")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def reading(shop: Shop, clock: Clock | None = None) -> tuple[OrderPages, Buyers]:
    clock = clock or Clock()
    windows = OrderPages(shop, coverage=Coverage(clock))
    found = Buyers(shop, windows, RULES, clock)
    windows.seen = found.note
    return windows, found


def buyers(shop: Shop, clock: Clock | None = None) -> Buyers:
    return reading(shop, clock)[1]


def find(shop: Shop, order: Order) -> str | None:
    return buyers(shop).find([order])[order.order_id]


@pytest.mark.parametrize(
    ("earlier", "email"),
    [
        ({}, "jan@example.com"),
        ({"order_source": "personal", "order_source_id": 0}, "jan@example.com"),
        ({"order_source": "amazon", "phone": "601 234 567"}, "jan@example.com"),
        ({"email": " jan@example.com "}, "jan@example.com"),
        ({"confirmed": False}, None),
        ({"order_source": "allegro", "email": "jan@example.com"}, None),
        ({"order_source": "order_return"}, None),
        ({"email": MASK}, None),
        ({"email": "x@user.allegrogroup.pl"}, None),
        ({"order_source": "amazon", "email": "a1b2c3d4e5f6g7@marketplace.amazon.de"}, None),
        ({"order_source": "empik", "email": "x1y2z3@empik.notification.mirakl.net"}, None),
        ({"email": ""}, None),
        ({"email": "jan@"}, None),
        ({"phone": "+48 601 234 568"}, None),
        ({"phone": "+49 601 234567"}, None),
        ({"date_add": at(900)}, None),
        ({"date_add": at(901)}, None),
        ({"date_add": None}, None),
    ],
)
def test_only_an_earlier_order_elsewhere_names_the_buyer(earlier: dict[str, Any], email: str | None) -> None:
    asking = allegro(900, phone="+48601234567")
    assert find(Shop(an_order(1, **earlier), asking), asking) == email


@pytest.mark.parametrize("typed", ["601234567", "+48601234567", "48601234567"])
@pytest.mark.parametrize("asked", ["601 234 567", "+48601234567", "0048601234567"])
@pytest.mark.parametrize("mode", ["exact", "last9"])
def test_the_buyer_is_found_however_either_order_is_typed(mode: str, typed: str, asked: str) -> None:
    asking = allegro(900, phone=asked)
    assert find(Shop(an_order(1, phone=typed), asking, phone=mode), asking) == "jan@example.com"


def test_the_newest_earlier_order_wins() -> None:
    asking = allegro(900)
    shop = Shop(*(an_order(number, email=f"jan{number}@example.com") for number in (1, 2, 3, 901)), asking)
    shop.stored[2] = an_order(2, email="jan2@example.com", date_add=at(500))
    assert find(shop, asking) == "jan2@example.com"


@pytest.mark.parametrize("phone", ["", "brak", "000000000", "+48 111111111", "123456789", "+48 123 123 123", "12345"])
def test_a_dummy_phone_matches_nobody_and_costs_nothing(phone: str) -> None:
    asking = allegro(900, phone=phone)
    shop = Shop(an_order(1, phone=phone), asking)
    assert find(shop, asking) is None
    assert shop.requests == []


def test_three_spellings_are_asked_for_where_baselinker_compares_letter_by_letter() -> None:
    asking = allegro(900, phone="+48601234567")
    shop = Shop(an_order(1, phone="48601234567"), asking, phone="exact")
    assert find(shop, asking) == "jan@example.com"
    assert shop.requests == ["phone", "phone", "phone", "alone"]


def test_one_spelling_is_enough_where_baselinker_looks_through_them() -> None:
    asking = allegro(900, phone="+48601234567")
    shop = Shop(an_order(1, phone="0048 601-234-567"), asking)
    assert find(shop, asking) == "jan@example.com"
    assert shop.requests == ["phone", "alone"]


def test_at_most_ten_candidates_are_read_newest_first() -> None:
    asking = allegro(9000)
    many = [an_order(number * 300, confirmed=False) for number in range(1, 20)]
    shop = Shop(*many, *(an_order(number, phone="+48 609 999 999") for number in range(10_000, 10_200)), asking)
    assert find(shop, asking) is None
    assert len(shop.requests) == 11


def test_candidates_made_after_the_order_do_not_use_up_the_ten() -> None:
    asking = allegro(50)
    shop = Shop(an_order(1), asking, *(an_order(number, email=f"x{number}@example.com") for number in range(51, 80)))
    assert find(shop, asking) == "jan@example.com"


def test_reading_ends_at_the_first_that_counts() -> None:
    asking = allegro(900)
    shop = Shop(*(an_order(number) for number in range(1, 9)), asking)
    assert find(shop, asking) == "jan@example.com"
    assert shop.requests.count("alone") + shop.requests.count("window") == 1


def test_allegro_orders_that_passed_by_are_not_read_as_candidates() -> None:
    shop = Shop(*(allegro(number) for number in range(1, 9)), allegro(900))
    known = buyers(shop)
    for number in range(1, 9):
        known.note(shop.stored[number])
    assert known.find([shop.stored[900]]) == {900: None}
    assert shop.requests == ["phone"]


def test_an_order_that_passed_by_answers_without_a_request_but_only_later_ones() -> None:
    others = [an_order(number, phone="") for number in (98, 99)]
    shop = Shop(*others, an_order(100), allegro(101))
    windows, known = reading(shop)
    windows.read([98, 101], {}, set())
    shop.requests.clear()
    assert known.find([allegro(101)]) == {101: "jan@example.com"}
    assert shop.requests == []
    assert known.find([allegro(99)]) == {99: None}
    assert shop.requests == ["phone"] * 3


@pytest.mark.parametrize("change", [{"email": ""}, {"phone": "+48 609 999 999"}, {"confirmed": False}])
def test_what_an_order_was_before_its_edit_is_forgotten(change: dict[str, Any]) -> None:
    known = buyers(Shop())
    known.note(an_order(1))
    known.note(an_order(1, **change))
    assert known.find([allegro(900)]) == {900: None}


def test_an_unknown_buyer_is_not_asked_for_again_soon() -> None:
    clock = Clock()
    shop = Shop(an_order(1, confirmed=False), allegro(900))
    known = buyers(shop, clock)
    known.note(shop.stored[900])
    known.find([shop.stored[900]])
    asked = len(shop.requests)
    clock.now += ASKED_SECONDS - 1
    assert known.find([shop.stored[900], allegro(899)]) == {900: None, 899: None}
    assert len(shop.requests) == asked
    shop.stored[1] = an_order(1)
    clock.now += 2
    assert known.find([shop.stored[900]]) == {900: "jan@example.com"}


def test_a_remembered_buyer_is_asked_for_again_after_hours() -> None:
    clock = Clock()
    shop = Shop(an_order(1), allegro(900))
    known = buyers(shop, clock)
    known.find([shop.stored[900]])
    shop.requests.clear()
    clock.now += REMEMBERED_SECONDS + 1
    assert known.find([shop.stored[900]]) == {900: "jan@example.com"}
    assert shop.requests


def test_orders_of_one_phone_share_a_look_up() -> None:
    shop = Shop(an_order(1), *(allegro(number) for number in range(900, 950)))
    found = Enricher(shop, RULES, Clock()).enrich(range(900, 950))
    assert {one.buyer_email for one in found.values()} == {"jan@example.com"}
    assert shop.requests.count("phone") == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.enrich.buyers.MOST_PHONES", 100)
    monkeypatch.setattr("processor.enrich.buyers.MOST_ORDERS", 120)
    monkeypatch.setattr("processor.enrich.buyers.MOST_NEVER", 50)
    known = buyers(Shop())
    for number in range(1, 1000):
        known.note(an_order(number, phone=f"+48 60{number:07d}"))
        known.note(an_order(10_000 + number, phone="+48 609 123 456"))
        known.note(allegro(20_000 + number))
    assert len(known._phones) <= 100
    assert len(known._phone_of) <= 120
    assert sorted(known._phone_of) == sorted(number for one in known._phones.values() for number in one.bought)
    assert len(known._never) == 50


def sixty_percent_allegro(count: int) -> list[Order]:
    """Six of ten through Allegro, half of these by people who bought in the shop."""
    orders = []
    for number in range(1, count + 1):
        phone = f"+48 60{1234500 + number // 10}" if number % 10 in {0, 1, 2, 3, 4, 5, 6} else f"+48 69{number:07d}"
        made = allegro(number, phone=phone) if number % 10 in {1, 2, 3, 7, 8, 9} else an_order(number, phone=phone)
        orders.append(made)
    return orders


def test_allegro_buyers_who_bought_in_the_shop_cost_nothing_the_others_one_question_each() -> None:
    shop = Shop(*sixty_percent_allegro(1000))
    reader = Enricher(shop, RULES, Clock())
    found = reader.enrich(range(1, 501)) | reader.enrich(range(501, 1001))
    known = [one for one in found.values() if one.buyer_email is not None]
    assert len(found) == 1000
    assert len(known) == 297
    assert shop.requests.count("window") == 10
    assert shop.requests.count("alone") == 0
    assert shop.requests.count("phone") <= 310


def test_a_failure_in_the_middle_of_many_look_ups_does_not_repeat_those_made() -> None:
    shop = Shop(*sixty_percent_allegro(500))
    reader = Enricher(shop, RULES, Clock())
    shop.fail_after = 100
    with pytest.raises(ConnectionError):
        reader.enrich(range(1, 501))
    shop.fail_after = None
    assert len(reader.enrich(range(1, 501))) == 500
    whole = Shop(*sixty_percent_allegro(500))
    Enricher(whole, RULES, Clock()).enrich(range(1, 501))
    assert len(shop.requests) == len(whole.requests)


def test_others_need_not_wait_for_many_look_ups() -> None:
    shop = Shop(*sixty_percent_allegro(500))
    reader = Enricher(shop, RULES, Clock())
    wanted = set(range(1, 501))
    rounds = 0
    answers: dict[int, Enriched] = {}
    while wanted:
        before = len(shop.requests)
        found = reader.enrich(sorted(wanted), most_look_ups=20)
        assert len(shop.requests) - before <= 5 + 20
        answers |= found
        wanted -= set(found)
        rounds += 1
    whole = Enricher(Shop(*sixty_percent_allegro(500)), RULES, Clock()).enrich(range(1, 501))
    assert {number: one.buyer_email for number, one in answers.items()} == {
        number: one.buyer_email for number, one in whole.items()
    }
    assert shop.requests.count("window") == 5
    assert rounds <= 9


def test_sources_are_asked_for_again_when_a_new_one_appears_but_not_each_time() -> None:
    clock = Clock()
    shop = Shop(an_order(1), an_order(2, order_source="emag", order_source_id=9))
    reader = Enricher(shop, RuleSettings(location="sklep", tag_order_source="name"), clock)
    reader.enrich([1])
    reader.enrich([2])
    assert shop.requests.count("sources") == 1
    shop.sources["emag"] = {9: "RO"}
    clock.now += 301
    assert reader.enrich([2])[2].sources["emag"] == {9: "RO"}
    clock.now += 3599
    reader.enrich([2])
    assert shop.requests.count("sources") == 2
    clock.now += 1
    reader.enrich([2])
    assert shop.requests.count("sources") == 3


def test_a_summary_without_a_date_is_read_to_see() -> None:
    class Undated(Shop):
        def orders_by_phone(self, phone: str) -> list[OrderSummary]:
            return [OrderSummary(one.order_id, None) for one in super().orders_by_phone(phone)]

    asking = allegro(900)
    later = an_order(901, date_add=at(0) + timedelta(days=3), email="later@example.com")
    assert find(Undated(an_order(1), later, asking), asking) == "jan@example.com"


def rare(*ids: int) -> list[Order]:
    """Orders of other people."""
    return [an_order(number, phone=f"+48 69{number:07d}", email=f"x{number}@example.com") for number in ids]


def test_a_newer_order_that_never_passed_by_is_not_missed_for_an_older_one_that_did() -> None:
    shop = Shop(an_order(1, email="old@example.com"), an_order(500, email="new@example.com"), allegro(900))
    windows, known = reading(shop)
    windows.read([1], {}, set())  # alone, after an edit
    assert known.must_ask(shop.stored[900])
    assert known.find([shop.stored[900]]) == {900: "new@example.com"}


def test_what_lies_between_two_windows_is_not_taken_for_seen() -> None:
    shop = Shop(*rare(*range(1, 1000)))
    shop.stored |= {5: an_order(5, email="old@example.com"), 450: an_order(450), 900: allegro(900)}
    windows, known = reading(shop)
    windows.read([1, 2], {}, set())
    windows.read([850, 851], {}, set())
    assert known.find([shop.stored[900]]) == {900: "jan@example.com"}


def test_every_order_between_was_seen_so_nothing_is_asked_for_but_not_after_a_while() -> None:
    clock = Clock()
    shop = Shop(*rare(*range(1, 1000)))
    shop.stored |= {5: an_order(5), 900: allegro(900)}
    windows, known = reading(shop, clock)
    windows.read(range(1, 1000), {}, set())
    shop.requests.clear()
    assert known.find([shop.stored[900]]) == {900: "jan@example.com"}
    assert not known.must_ask(shop.stored[900])
    assert shop.requests == []
    clock.now += COVERED_SECONDS
    assert known.must_ask(shop.stored[900])
    assert known.find([shop.stored[900]]) == {900: "jan@example.com"}
    assert shop.requests == ["phone"]


def test_a_question_says_nothing_of_an_order_added_after_it() -> None:
    shop = Shop(an_order(1, email="old@example.com"), allegro(300))
    known = buyers(shop)
    assert known.find([shop.stored[300]]) == {300: "old@example.com"}
    shop.stored |= {600: an_order(600, email="new@example.com"), 900: allegro(900)}
    assert known.must_ask(shop.stored[900])
    assert known.find([shop.stored[900]]) == {900: "new@example.com"}
    shop.requests.clear()
    assert known.find([shop.stored[300], shop.stored[900]]) == {300: "old@example.com", 900: "new@example.com"}
    assert shop.requests == []


def test_an_order_brought_in_late_is_no_proof_that_none_is_newer() -> None:
    shop = Shop(*rare(*range(1, 1000)))
    shop.stored |= {50: an_order(50), 350: an_order(350, date_add=at(20), email="late@example.com"), 380: allegro(380)}
    windows, known = reading(shop)
    windows.read(range(300, 400), {}, set())
    assert known.find([shop.stored[380]]) == {380: "jan@example.com"}


def test_what_was_forgotten_for_want_of_room_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.enrich.buyers.MOST_PHONES", 60)
    clock = Clock()
    shop = Shop(*rare(*range(1, 200)))
    shop.stored |= {5: an_order(5, email="old@example.com"), 10: an_order(10), 199: allegro(199)}
    windows, known = reading(shop, clock)
    windows.read(range(1, 200), {}, set())
    clock.now += 1
    windows.read([5], {}, set())
    assert known.find([shop.stored[199]]) == {199: "jan@example.com"}


def test_orders_of_one_phone_forgotten_for_want_of_room_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.enrich.buyers.MOST_BOUGHT_BY_ONE", 2)
    shop = Shop(*rare(*range(1, 200)), *(an_order(number, email=f"jan{number}@example.com") for number in (5, 6, 7)))
    shop.stored |= {199: allegro(199)}
    windows, known = reading(shop)
    windows.read(range(1, 200), {}, set())
    for number in (6, 7):  # the newer ones are not this buyer's any more, and nobody tells
        known.note(an_order(number, phone=""))
    known.note(an_order(4, email="jan4@example.com"))
    assert known.find([shop.stored[199]]) == {199: "jan7@example.com"}


def test_what_a_window_hid_makes_its_ids_uncertain() -> None:
    shop = Shop(*rare(*range(1, 100)))
    shop.stored |= {5: an_order(5, email="old@example.com"), 50: an_order(50), 90: allegro(90)}
    shop.hidden_from_windows = {20, 50}
    windows, known = reading(shop)
    windows.read([1, 20, 90], {}, set())
    assert known.find([shop.stored[90]]) == {90: "jan@example.com"}


def test_windows_over_ids_shared_with_other_shops_leave_no_gap_in_which_a_buyer_could_hide() -> None:
    others = [number for number in range(9, 3600, 9) if number not in {45, 3555}]
    shop = Shop(*rare(*others), an_order(45), allegro(90, phone=""), allegro(3555))
    found = Enricher(shop, RULES, Clock()).enrich(sorted(shop.stored))
    assert found[3555].buyer_email == "jan@example.com"
    assert shop.requests == ["window"] * 4
