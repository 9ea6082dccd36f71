"""What an audit of a shop at work makes of orders that are still on their way. Pure."""

from collections.abc import Collection
from datetime import timedelta

from clients import ContactCard, ExtEvent, Order
from operations.audit import JUST_READ, audit_orders
from operations.ledger_reads import RowAt
from processor.rules import RuleSettings
from schemas.records import Delivery, Outcome
from tests.processor.shop import an_order, at
from tests.processor.test_jobs import row

ORDER = an_order(7)
SHOWN = ContactCard("c1", "jan@example.com", (), (ExtEvent("e1", "PURCHASE", "7", None),))
CONFIRMED = at(8)


def why(
    order: Order = ORDER,
    known: Delivery | None = None,
    cards: Collection[ContactCard] = (),
    waiting: Collection[int] = (),
    read_after: timedelta = timedelta(days=1),
) -> str:
    """What is said of the one order; "" for nothing."""
    rows = {7: RowAt(7, 0, known)} if known is not None else {}
    read_to = CONFIRMED + read_after
    _, _, found = audit_orders([order], rows, list(cards), RuleSettings("shop"), b"s", waiting, read_to)
    return found[0].why if found else ""


def test_an_order_that_nobody_knows_is_missing() -> None:
    assert why() == "no row in the ledger"
    assert "the ledger does not name it" in why(cards=[SHOWN])


def test_an_order_on_its_way_is_not_to_be_published_again() -> None:
    assert "not sent yet" in why(waiting={7})
    assert "not sent yet" in why(read_after=JUST_READ / 2)
    assert why(waiting={7}, cards=[SHOWN]) == "", "it was sent while the audit read"


def test_what_has_its_outcome_is_judged_by_it_however_new_it_is() -> None:
    retracted = row(outcome=Outcome.RETRACTED, reason="retracted", event_id=None)
    assert why(known=retracted, read_after=-JUST_READ) == "was retracted"
    assert "SALESmanago does not show it" in why(
        known=row(), cards=[ContactCard("c1", "", (), ())], read_after=-JUST_READ
    )


def test_what_the_rules_leave_out_is_not_missing_while_it_waits() -> None:
    assert why(an_order(7, order_source="order_return"), waiting={7}) == ""
