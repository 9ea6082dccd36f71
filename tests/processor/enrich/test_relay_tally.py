import pytest

from processor.enrich import relay_tally
from processor.enrich.relay_tally import RelayTally
from runtime.relay_domains import RELAY_DOMAINS
from tests.processor.simulated import order


def relayed(number: int, host: str = "mail.market.example") -> str:
    return f"a{number}b{number}c{number}d4e5@{host}"


def test_an_order_that_is_read_many_times_counts_once() -> None:
    tally = RelayTally(RELAY_DOMAINS)
    for _ in range(20):
        for number in range(6):
            tally.note(order(number, email=relayed(number)))
    assert tally.domains() == {"mail.market.example": 6}


def test_an_order_counts_as_it_was_read_last() -> None:
    tally = RelayTally(RELAY_DOMAINS)
    for number in range(6):
        tally.note(order(number, email=relayed(number)))
    for number in range(3):
        tally.note(order(number, email=f"kupujacy{number}@example.com"))
    assert tally.domains() == {}


def test_listed_domains_and_people_do_not_count() -> None:
    tally = RelayTally((*RELAY_DOMAINS, "market.example"))
    for number in range(6):
        tally.note(order(number, email=relayed(number)))
        tally.note(order(10 + number, email=relayed(number, "marketplace.amazon.de")))
        tally.note(order(20 + number, email=f"kupujacy{number}@example.com"))
        tally.note(order(30 + number, email=""))
    assert tally.domains() == {}


def test_memory_is_bounded_and_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_tally, "MOST_ORDERS", 8)
    tally = RelayTally(RELAY_DOMAINS)
    for number in range(6):
        tally.note(order(number, email=relayed(number, "old.example")))
    for number in range(10, 16):
        tally.note(order(number, email=relayed(number, "new.example")))
    assert tally.domains() == {"new.example": 6}
