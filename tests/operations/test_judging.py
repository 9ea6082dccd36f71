"""What an audit of a shop at work makes of orders that are still on their way. Pure."""

from collections.abc import Collection
from datetime import timedelta

import pytest

from clients import ContactCard, ExtEvent, Order
from operations.audit import JUST_READ, audit_orders
from operations.ledger_reads import RowAt
from processor.rules import RuleSettings
from schemas.records import Delivery, Outcome
from tests.processor.entries import row
from tests.processor.shop import an_order, at

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


def mend(known: Delivery | None, cards: Collection[ContactCard] = (), letter: str | None = None) -> str:
    """The commands that mend the one order."""
    rows = {7: RowAt(7, 0, known)} if known is not None else {}
    letters = {7: letter} if letter is not None else {}
    *_, (found,) = audit_orders([ORDER], rows, list(cards), RuleSettings("shop"), b"s", (), None, letters)
    return found.mend


REPLAY = "bl2sm replay --order 7 --execute"
ANEW = f"bl2sm retract --order 7 --execute, then {REPLAY}"
EXTRA = "bl2sm retract --order 7 --extra --execute"
TWO = ContactCard("c1", "", (), (ExtEvent("e1", "PURCHASE", "7", None), ExtEvent("e2", "PURCHASE", "7", None)))

ONE = ContactCard("c1", "", (), (ExtEvent("e1", "PURCHASE", "7", None),))
STRAY = ContactCard("c9", "", (), (ExtEvent("e2", "PURCHASE", "7", None),))


@pytest.mark.parametrize(
    ("known", "cards", "letter", "mended_by"),
    [
        (
            row(outcome=Outcome.DEAD, reason="rejected", event_id=None),
            (),
            "3/9",
            "bl2sm dead-letters retry 3/9 --execute",
        ),
        (row(outcome=Outcome.DEAD, reason="rejected", event_id=None), (), None, REPLAY),
        (row(event_id="e1"), [TWO], None, EXTRA),
        (None, [TWO], None, f"{REPLAY}, then bl2sm retract --order 7 --extra --contact c1 --execute"),
        (row(event_id="e1"), [ONE, STRAY], None, "bl2sm retract --order 7 --extra --contact c9 --execute"),
        (row(event_id="e3"), [TWO], None, f"{ANEW}, then {EXTRA}"),
        (row(event_id="e3"), [SHOWN], None, ANEW),
        (row(), [ContactCard("c1", "", (), ())], None, ANEW),
        (None, [SHOWN], None, REPLAY),
    ],
)
def test_each_finding_names_the_commands_that_mend_it(
    known: Delivery | None, cards: Collection[ContactCard], letter: str | None, mended_by: str
) -> None:
    assert mend(known, cards, letter) == mended_by


def test_what_the_rules_leave_out_is_not_missing_while_it_waits() -> None:
    assert why(an_order(7, order_source="order_return"), waiting={7}) == ""
