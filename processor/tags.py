"""Tags in SALESmanago's alphabet: upper case, letters without marks, digits and `- ( [ { ) ] } _` (api §6)."""

import unicodedata
from typing import Literal

TagSource = Literal["none", "code", "name", "both"]

LONGEST_TAG = 255
_FOLDED = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe"})
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-([{)]}_")


def clean_tag(text: str) -> str:
    """Return the tag as SALESmanago stores it; "" when nothing is left."""
    folded = unicodedata.normalize("NFKD", text.strip().translate(_FOLDED)).upper()
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    tag = "".join(letter if letter in _ALLOWED else "_" for letter in plain)[:LONGEST_TAG]
    return tag if tag.strip("_") else ""


def tags_for(
    contact_tag: str,
    tag_order_source: TagSource,
    order_source: str,
    order_source_id: int,
    sources: dict[str, dict[int, str]],
) -> tuple[str, ...]:
    """Return the tag for all (commas separate several) and those of the order's source, without doubles."""
    wanted = [clean_tag(part) for part in contact_tag.split(",")]
    if tag_order_source in {"code", "both"} and order_source:
        wanted.append(clean_tag(f"BASELINKER_{order_source}"))
    if tag_order_source in {"name", "both"} and order_source:
        name = sources.get(order_source, {}).get(order_source_id, "")
        wanted.append(clean_tag("_".join(part for part in ("BASELINKER", order_source, name) if part)))
    return tuple(dict.fromkeys(tag for tag in wanted if tag))
