"""`check` shows the product ids under each choice, and warns where those in effect can't match a feed."""

import pytest

from clients import Order, OrderProduct
from clients.orders import parse_product
from operations.finding import Finding
from operations.product_ids import FIELDS, product_ids
from tests.harness.commands import bl2sm
from tests.processor.shop import an_order

CATALOGUE = parse_product({"storage": "db", "product_id": 5434, "variant_id": 0, "sku": "K-1", "ean": "5901234567890"})
STORE = parse_product({"storage": "shop", "product_id": "77", "variant_id": "", "sku": "K-1", "ean": ""})
UNKNOWN = parse_product({"storage": "db", "product_id": "", "variant_id": "0", "sku": "", "ean": ""})


def orders(*lines: OrderProduct) -> list[Order]:
    """Orders of a line each."""
    return [an_order(number, products=(line,)) for number, line in enumerate(lines, 1)]


def findings(in_effect: str, *lines: OrderProduct) -> dict[str, Finding]:
    """What is said of each field."""
    found = {one.name.removeprefix("product ids by "): one for one in product_ids(orders(*lines), in_effect)}
    assert tuple(found) == FIELDS
    return found


def test_each_field_is_shown_with_examples_blank_lines_and_which_is_in_effect() -> None:
    found = findings("product_id", STORE, CATALOGUE, STORE, UNKNOWN)
    assert {one.state for one in found.values()} == {"ok"}
    assert found["product_id"].text == (
        "77, 5434; 1 of 4 lines have none (in effect); compare these with the ids of your feed: SALESmanago's API lists"
        " no products"
    )
    assert found["variant_id"].text == "nothing; 4 of 4 lines have none"
    assert found["sku"].text == "K-1; 1 of 4 lines have none"
    assert found["ean"].text == "5901234567890; 3 of 4 lines have none"


def test_three_examples_are_enough_and_a_long_one_is_cut() -> None:
    many = [OrderProduct(product_id=str(number)) for number in range(1, 9)]
    assert findings("sku", *many)["product_id"].text.startswith("1, 2, 3; 0 of 8")
    assert findings("sku", OrderProduct(product_id="x" * 300))["product_id"].text.startswith(f"{'x' * 40}; 0 of 1")


def test_a_field_that_is_blank_in_most_lines_is_warned_of_with_those_that_are_not() -> None:
    found = findings("variant_id", STORE, CATALOGUE, STORE, UNKNOWN)
    assert [name for name, one in found.items() if one.state == "warning"] == ["variant_id"]
    assert found["variant_id"].mend == "set PRODUCT_ID_FIELD to product_id or sku, whichever your product feed has"
    assert findings("sku", STORE, UNKNOWN)["sku"].state == "ok", "half of them is not most"
    (alone,) = (one for one in findings("ean", UNKNOWN).values() if one.state == "warning")
    assert alone.mend == ""


@pytest.mark.parametrize(
    ("in_effect", "lines", "state"),
    [
        ("product_id", [CATALOGUE, CATALOGUE, UNKNOWN], "warning"),
        ("product_id", [CATALOGUE, STORE], "ok"),
        ("product_id", [OrderProduct(product_id="5434", storage="db")], "ok"),
        ("product_id", [OrderProduct(product_id="5434", sku="K-1")], "ok"),
        ("sku", [CATALOGUE, CATALOGUE], "ok"),
    ],
)
def test_ids_of_baselinkers_own_catalogue_are_warned_of_where_lines_have_a_sku_or_ean(
    in_effect: str, lines: list[OrderProduct], state: str
) -> None:
    found = findings(in_effect, *lines)[in_effect]
    assert found.state == state
    if state == "warning":
        assert "BaseLinker's own catalogue" in found.text
        assert found.mend.endswith("set PRODUCT_ID_FIELD to sku or ean")


def test_without_orders_nothing_is_said() -> None:
    assert list(product_ids([], "product_id")) == []
    assert list(product_ids([an_order(1, products=())], "product_id")) == []


def test_check_shows_the_ids_of_the_last_orders(delivered: dict[str, str]) -> None:
    ran = bl2sm(delivered, "check", "--json", PRODUCT_ID_FIELD="sku")
    found = {one["name"]: one for one in ran.data["findings"] if one["name"].startswith("product ids by ")}
    assert set(found) == {f"product ids by {field}" for field in FIELDS}
    assert "(in effect)" in found["product ids by sku"]["text"] and "SKU-" in found["product ids by sku"]["text"]
