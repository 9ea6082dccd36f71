"""What the last orders would send as product ids, under each choice of PRODUCT_ID_FIELD. Pure.

An id that SALESmanago's product catalogue or feed does not have is accepted without a word, and recommendations stay
empty. There is no list of products in SALESmanago's API to compare with (docs/apis.md, Currency and e-shop).
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from clients import Order, OrderProduct
from operations.finding import Finding
from processor.decide.mapping import product_id

FIELDS = ("product_id", "variant_id", "sku", "ean")
OF_BASELINKER = frozenset({"product_id", "variant_id"})  # ids that belong to where the product is kept
OWN_CATALOGUE = "db"  # `storage` of a line whose product is of BaseLinker's own catalogue
SHOWN, LONGEST_SHOWN = 3, 40


def product_ids(orders: Sequence[Order], in_effect: str) -> Iterator[Finding]:
    """Yield what each field would bring; a warning where the one in effect brings too little. Newest orders first."""
    lines = [line for order in orders for line in order.products]
    if not lines:
        return
    blank = {field: sum(not product_id(line, field) for line in lines) for field in FIELDS}
    for field in FIELDS:
        text = f"{_examples(lines, field)}; {blank[field]} of {len(lines)} lines have none"
        if field == in_effect:
            yield _in_effect(lines, field, text, blank)
        else:
            yield Finding(f"product ids by {field}", "ok", text)


def _in_effect(lines: Sequence[OrderProduct], field: str, text: str, blank: dict[str, int]) -> Finding:
    name, text = f"product ids by {field}", f"{text} (in effect)"
    fuller = [other for other in FIELDS if 2 * blank[other] <= len(lines) and other != field]
    if 2 * blank[field] > len(lines):
        mend = f"set PRODUCT_ID_FIELD to {_or(fuller)}, whichever your product feed has" if fuller else ""
        return Finding(name, "warning", f"{text}: purchases name few products", mend)
    codes = [other for other in fuller if other not in OF_BASELINKER]
    kept = {line.storage for line in lines if product_id(line, field)}
    if field in OF_BASELINKER and kept == {OWN_CATALOGUE} and codes:
        return Finding(
            name, "warning",
            f"{text}: all are ids of BaseLinker's own catalogue, which a feed of your store hardly has",
            f"compare them with the ids of your feed; if it has others, set PRODUCT_ID_FIELD to {_or(codes)}",
        )  # fmt: skip
    return Finding(name, "ok", f"{text}; compare these with the ids of your feed: SALESmanago's API lists no products")


def _examples(lines: Sequence[OrderProduct], field: str) -> str:
    """Return the first ids, as the newest orders would send them."""
    found = dict.fromkeys(sent for line in lines if (sent := product_id(line, field)))
    return ", ".join(one[:LONGEST_SHOWN] for one in islice(found, SHOWN)) or "nothing"


def _or(fields: Sequence[str]) -> str:
    return " or ".join(fields)
