"""What counts as a difference between a purchase that is shown and the one that would be sent now. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from clients import ExtEvent, PurchaseEvent
from operations.differing import differences

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
OURS = PurchaseEvent(
    "1", AT, "sklep_a", Decimal("1234.50"), "p01,p02", "Przelew  bankowy", ("Kubek,Talerz", "", "1/2", "shop")
)
SHOWN = {
    "value": 1234.5, "location": "sklep_a", "products": "p01,p02", "description": "Przelew bankowy",
    "detail1": "Kubek,Talerz", "detail2": None, "detail3": "1/2", "detail4": "shop",
}  # fmt: skip


def found(**other: Any) -> list[str]:
    shown = {name: value for name, value in {**SHOWN, **other}.items() if value != "left out"}
    return [one.split()[0] for one in differences(OURS, ExtEvent("e", "PURCHASE", "1", other.get("date", AT), shown))]


@pytest.mark.parametrize(
    "reading",
    [
        {},
        {"products": "p01, p02"},
        {"products": ["p01", "p02"]},
        {"value": "1234.50"},
        {"value": "1234,5"},
        {"value": None},
        {"description": None, "location": "", "products": "left out"},
        {"detail1": "", "detail3": None, "detail4": "left out"},
        {"detail2": ""},
        {"detail12": "theirs"},
        {"date": None},
        {"date": AT + timedelta(milliseconds=900)},
    ],
)
def test_the_same_purchase_is_the_same_however_a_card_shows_it(reading: dict[str, Any]) -> None:
    assert found(**reading) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"value": 1234.51}, ["value"]),
        ({"location": "sklep_b"}, ["location"]),
        ({"products": "p01"}, ["products"]),
        ({"description": "Gotówka"}, ["description"]),
        ({"detail1": "Kubek"}, ["detail1"]),
        ({"detail3": ""}, ["detail3"]),
        ({"detail2": "7"}, ["detail2"]),
        ({"date": AT + timedelta(days=1)}, ["date"]),
        ({"value": 0, "location": "x", "detail4": "allegro"}, ["value", "location", "detail4"]),
    ],
)
def test_what_was_changed_is_named(changed: dict[str, Any], names: list[str]) -> None:
    assert found(**changed) == names


def test_a_text_that_was_cut_at_its_limit_is_no_difference() -> None:
    long = PurchaseEvent("1", AT, "a", Decimal(1), description="ł" * 2000, details=("ż" * 255,))
    cut = {"description": "ł" * 1024, "detail1": "ż" * 127}
    assert differences(long, ExtEvent("e", "PURCHASE", "1", AT, cut)) == []
    assert differences(long, ExtEvent("e", "PURCHASE", "1", AT, {"description": "ł" * 500})) == ["description"]
