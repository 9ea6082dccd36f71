"""Another integration's purchase beside one of ours is suspected; two orders of ours never are."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from clients import ContactCard, ExtEvent, Order
from operations.ledger_reads import RowAt
from operations.possible_doubles import (
    NEAR,
    PossibleDouble,
    foreign_purchases,
    named,
    possible_doubles,
    sent_by_another,
)
from tests.processor.entries import row
from tests.processor.shop import an_order, at

SECOND = timedelta(seconds=1)
VALUE = 51.98  # of `an_order`, as JSON has it
ORDER = an_order(7)
WHEN = at(8)  # when it was confirmed


def event(
    event_id: str, external_id: str, date: datetime | None = WHEN, value: object = VALUE, kind: str = "PURCHASE"
) -> ExtEvent:
    """A purchase as a card shows it."""
    return ExtEvent(event_id, kind, external_id, date, {"value": value})


def found(*events: ExtEvent, orders: tuple[Order, ...] = (ORDER,), more: tuple[ContactCard, ...] = ()) -> list[str]:
    """The other purchases that are suspected, of a contact with these events; the ledger names `e<order>`."""
    return [one.other_event_id for one in doubles(*events, orders=orders, more=more)]


def doubles(
    *events: ExtEvent, orders: tuple[Order, ...] = (ORDER,), more: tuple[ContactCard, ...] = ()
) -> list[PossibleDouble]:
    """The same, whole."""
    rows = {one.order_id: RowAt(one.order_id, 0, row(event_id=f"e{one.order_id}")) for one in orders}
    cards = [ContactCard("c1", "jan@example.com", (), events), *more]
    return possible_doubles(orders, rows, cards, foreign_purchases(cards, rows))


OURS = event("e7", "7")


def test_the_same_value_within_minutes_under_another_external_id_is_suspected() -> None:
    (one,) = doubles(OURS, event("x", "SHOP-9", WHEN + 90 * SECOND, "51.98"))
    assert one == PossibleDouble(
        7, "c1", "e7", "x", "SHOP-9", "51.98", 90 * SECOND,
        "look at both in SALESmanago; if they are one order: bl2sm retract --order 7 --execute",
    )  # fmt: skip
    assert found(OURS, event("x", "")) == ["x"], "an integration may send none"


@pytest.mark.parametrize(
    ("other", "suspected"),
    [
        (event("x", "A", WHEN + NEAR), True),
        (event("x", "A", WHEN - NEAR), True),
        (event("x", "A", WHEN + NEAR + SECOND), False),
        (event("x", "A", WHEN - NEAR - SECOND), False),
        (event("x", "A", None), False),
        (event("x", "A", value="51.97"), False),
        (event("x", "A", value="51,980"), True),
        (event("x", "A", value=None), False),
        (event("x", "A", kind="CART"), False),
        (event("x", "A", kind=""), True),
    ],
)
def test_value_time_and_kind_decide(other: ExtEvent, suspected: bool) -> None:
    assert found(OURS, other) == (["x"] if suspected else [])


def test_two_orders_of_ours_are_never_suspected_of_each_other() -> None:
    again = an_order(8)
    assert found(OURS, event("e8", "8", WHEN + 60 * SECOND), orders=(ORDER, again)) == []


def test_another_contacts_purchase_is_another_persons() -> None:
    stranger = ContactCard("c2", "ewa@example.com", (), (event("x", "A"),))
    assert found(OURS, more=(stranger,)) == []


def test_a_suspected_purchase_stands_beside_the_nearest_of_ours_and_once() -> None:
    again, other = an_order(9), event("x", "A", at(10) - SECOND)
    ours = (OURS, event("e9", "9", at(10)))
    card = ContactCard("c1", "jan@example.com", (), (*ours, other))
    (one,) = doubles(*ours, other, orders=(ORDER, again), more=(card,))
    assert (one.order_id, one.apart) == (9, SECOND)


def test_a_converted_purchase_is_compared_by_the_orders_own_value_too() -> None:
    assert found(event("e7", "7", value="221.95"), event("x", "A")) == ["x"]


def test_a_purchase_that_the_ledger_does_not_name_is_not_retracted_for_another() -> None:
    assert found(event("unknown", "7"), event("x", "A")) == []


def test_an_order_without_a_purchase_may_have_been_sent_by_another_program() -> None:
    theirs = ContactCard("c1", "Jan@example.com", (), (event("x", "A", WHEN + 60 * SECOND),))
    foreign = foreign_purchases([theirs], [7])
    for contact_id in ("c1", None):
        other = sent_by_another(ORDER, contact_id, foreign)
        assert other is not None and other.event.event_id == "x"
    assert sent_by_another(an_order(7, email="ewa@example.com"), None, foreign) is None
    assert sent_by_another(an_order(7, delivery_price=Decimal(1)), "c1", foreign) is None


def test_another_programs_external_id_is_not_shown_where_it_may_be_an_address() -> None:
    card = ContactCard("c1", "", (), (event("x", "jan@example.com"), event("y", ""), event("z", "A-1")))
    assert [named(one) for one in foreign_purchases([card], [])] == ["…", "-", "A-1"]
