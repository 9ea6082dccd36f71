"""Orders that BaseLinker does not show: skipped only on proof that it shows any."""

import pytest

from processor.enrich.missing_orders import AGAIN_SECONDS, PROOF_AGAIN_SECONDS, UNKNOWN_SECONDS, MissingOrders
from processor.errors import NeedsOperator

NOW, LIMIT = 10_000.0, 20
LONG = UNKNOWN_SECONDS * 10


@pytest.mark.parametrize(
    ("missing", "waiting", "shown_at", "orders_known", "again"),
    [
        pytest.param(0.0, 1, None, False, AGAIN_SECONDS, id="read again for a while"),
        pytest.param(UNKNOWN_SECONDS - 1, 1, NOW, True, AGAIN_SECONDS, id="for a while, whatever is known"),
        pytest.param(LONG, 30, NOW - LONG + 1, False, None, id="unknown once others were shown since"),
        pytest.param(LONG, 3, None, False, None, id="a few are believed of a shop that may be empty"),
        pytest.param(LONG, LIMIT, None, False, PROOF_AGAIN_SECONDS, id="many are not while nothing at all is listed"),
        pytest.param(LONG, 1, None, True, PROOF_AGAIN_SECONDS, id="one is not where the ledger knows of orders"),
        pytest.param(LONG, 1, NOW - LONG - 1, False, PROOF_AGAIN_SECONDS, id="nor where some were shown before it"),
    ],
)
def test_an_order_that_is_not_shown(
    missing: float, waiting: int, shown_at: float | None, orders_known: bool, again: float | None
) -> None:
    orders = MissingOrders(LIMIT, orders_known=orders_known)
    assert orders.again_in(missing, waiting, NOW, shown_at) == again


def test_without_patience_a_shop_that_lists_no_order_at_all_needs_a_person() -> None:
    orders = MissingOrders(LIMIT, patient=False)
    assert orders.again_in(0.0, 30, NOW, None) == AGAIN_SECONDS
    assert orders.again_in(LONG, 30, NOW, NOW) is None
    with pytest.raises(NeedsOperator, match="BASELINKER_TOKEN"):
        orders.again_in(LONG, 30, NOW, None)
