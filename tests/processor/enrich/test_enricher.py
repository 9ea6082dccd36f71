from dataclasses import replace
from datetime import timedelta

import pytest

from clients import RetriableError
from processor.decide.rules import RuleSettings
from processor.enrich.enricher import Enricher
from tests.processor.simulated import START, SimulatedBaseLinker, order

RULES = RuleSettings(location="sklep_1")
MASK = "ab+cd@allegromail.pl"


def enricher(api: SimulatedBaseLinker, rules: RuleSettings = RULES) -> Enricher:
    return Enricher(api, rules, lambda: 0.0)


def test_a_thousand_neighbouring_orders_cost_at_most_twelve_requests() -> None:
    api = SimulatedBaseLinker([order(number) for number in range(1, 1001)])
    reader = enricher(api)
    for start in (1, 501):
        wanted = range(start, start + 500)
        found = reader.enrich(list(wanted))
        assert all((one := found[number].order) is not None and one.order_id == number for number in wanted)
    assert sum(api.requests.values()) <= 12


@pytest.mark.parametrize("inclusive", [True, False])
def test_every_order_is_found_whether_a_window_brings_its_first_id_or_not(inclusive: bool) -> None:
    api = SimulatedBaseLinker([order(number * 7) for number in range(1, 300)], inclusive)
    wanted = [number * 7 for number in range(1, 300, 3)]
    found = enricher(api).enrich(wanted)
    assert all((one := found[number].order) is not None and one.order_id == number for number in wanted)


def test_orders_far_apart_are_asked_for_alone_once_windows_have_shown_to_bring_nothing() -> None:
    api = SimulatedBaseLinker([order(number) for number in range(1, 5001)])
    wanted = list(range(1, 5001, 250))
    found = enricher(api).enrich(wanted)
    assert all(found[number].order is not None for number in wanted)
    assert sum(api.requests.values()) <= len(wanted) + 2


def test_one_order_costs_one_request_and_an_unknown_one_is_none() -> None:
    api = SimulatedBaseLinker([order(5)])
    reader = enricher(api)
    assert reader.enrich([5])[5].order == api.shop[5]
    assert api.requests["orders"] == 1
    assert reader.enrich([6])[6].order is None


def test_an_order_asked_for_again_is_read_again() -> None:
    api = SimulatedBaseLinker([order(5)])
    reader = enricher(api)
    reader.enrich([5])
    api.shop[5] = replace(api.shop[5], email="nowy@example.com")
    again = reader.enrich([5])[5].order
    assert again is not None
    assert again.email == "nowy@example.com"


def test_a_repeat_of_a_failed_call_continues_where_it_stopped() -> None:
    api = SimulatedBaseLinker([order(number * 1000) for number in range(1, 11)])
    api.shop |= {number: order(number) for number in range(100_000, 101_000)}
    reader = enricher(api)
    wanted = [number * 1000 for number in range(1, 11)]
    working, api.orders = api.orders, _failing  # type: ignore[method-assign,assignment]
    with pytest.raises(ConnectionError):
        reader.enrich(wanted)
    api.orders = working  # type: ignore[method-assign]
    assert all(one.order is not None for one in reader.enrich(wanted).values())


def _failing(**_: object) -> None:
    raise ConnectionError


def allegro(order_id: int, phone: str = "+48 601-234-567") -> object:
    return order(order_id, order_source="allegro", email=MASK, phone=phone)


@pytest.mark.parametrize(
    ("earlier", "email"),
    [
        ({}, "kupujacy1@example.com"),
        ({"order_source": "personal"}, "kupujacy1@example.com"),
        ({"confirmed": False}, None),
        ({"order_source": "allegro"}, None),
        ({"email": MASK}, None),
        ({"email": ""}, None),
        ({"phone": "602 000 111"}, None),
        ({"date_add": START + timedelta(days=1)}, None),
    ],
)
def test_an_allegro_buyer_is_one_who_bought_elsewhere_before(earlier: dict[str, object], email: str | None) -> None:
    api = SimulatedBaseLinker([order(1, **earlier), order(900, order_source="allegro", email=MASK, phone="601234567")])
    assert enricher(api).enrich([900])[900].buyer_email == email


def test_the_newest_earlier_order_names_the_buyer() -> None:
    api = SimulatedBaseLinker(
        [
            order(1),
            order(2),
            order(3, date_add=START + timedelta(days=9)),
            order(900, order_source="allegro", email=MASK),
        ]
    )
    assert enricher(api).enrich([900])[900].buyer_email == "kupujacy2@example.com"


@pytest.mark.parametrize("phone", ["000000000", "123456789", "111111111", ""])
def test_a_dummy_phone_never_matches_and_costs_nothing(phone: str) -> None:
    api = SimulatedBaseLinker([order(1, phone=phone), order(900, order_source="allegro", email=MASK, phone=phone)])
    assert enricher(api).enrich([900])[900].buyer_email is None
    assert api.requests["by_phone"] == 0


def test_a_buyer_seen_in_a_window_costs_no_look_up() -> None:
    shop = [order(number, phone=f"60{number:07d}") for number in range(1, 90)]
    shop += [order(90, order_source="allegro", email=MASK, phone="600000005")]
    api = SimulatedBaseLinker(shop)
    found = enricher(api).enrich(list(range(1, 91)))
    assert found[90].buyer_email == "kupujacy5@example.com"
    assert api.requests["by_phone"] == 0


def test_a_greeting_without_sources_is_answered_by_orders() -> None:
    api = SimulatedBaseLinker([order(1)])
    reader = enricher(api)
    api.order_sources = _failing_sources  # type: ignore[method-assign]
    reader.greet()
    assert reader.shown_at is not None


def test_a_greeting_costs_one_request_and_its_sources_are_kept() -> None:
    api = SimulatedBaseLinker([order(1)])
    reader = enricher(api, replace(RULES, tag_order_source="name"))
    reader.greet()
    assert dict(api.requests) == {"sources": 1}
    assert reader.enrich([1])[1].sources["shop"][2001] == "sklep.example.pl"
    assert api.requests["sources"] == 1


def _failing_sources() -> dict[str, dict[int, str]]:
    raise RetriableError("away", api="BaseLinker")


def test_the_sources_are_asked_for_only_where_their_names_become_tags() -> None:
    api = SimulatedBaseLinker([order(1)])
    enricher(api).enrich([1])
    assert api.requests["sources"] == 0
    found = enricher(api, replace(RULES, tag_order_source="name")).enrich([1])
    assert found[1].sources["shop"][2001] == "sklep.example.pl"
