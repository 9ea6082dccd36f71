"""Tags in SALESmanago's alphabet: upper case, letters without marks, digits and `- ( [ { ) ] } _`."""

import unicodedata
from collections.abc import Mapping
from typing import Literal

TagSource = Literal["none", "code", "name", "both"]

LONGEST_TAG = 255
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-([{)]}_")
_FOLDED = str.maketrans(
    {"Ł": "L", "Ø": "O", "Đ": "D", "Ð": "D", "Ħ": "H", "Ŧ": "T", "Þ": "TH", "Æ": "AE", "Œ": "OE", "ẞ": "SS"}
)


def clean_tag(text: str) -> str:
    """Return the tag as SALESmanago stores it; "" when nothing is left."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).strip().upper().translate(_FOLDED))
    plain = "".join(letter for letter in folded.upper() if not unicodedata.combining(letter))
    tag = "".join(letter if letter in _ALLOWED else "_" for letter in plain)[:LONGEST_TAG]
    return tag if tag.strip("_") else ""


def tags_for(
    contact_tag: str,
    tag_order_source: TagSource,
    order_source: str,
    order_source_id: int,
    sources: Mapping[str, Mapping[int, str]],
) -> tuple[str, ...]:
    """Return the tag for all (commas separate several) and those of the order's source, without doubles.

    A source whose name is not known is tagged by its code.
    """
    wanted = [clean_tag(part) for part in contact_tag.split(",")]
    code = order_source.strip()
    if code and tag_order_source in {"code", "both"}:
        wanted.append(clean_tag(f"BASELINKER_{code}"))
    if code and tag_order_source in {"name", "both"}:
        name = sources.get(order_source, {}).get(order_source_id, "").strip()
        wanted.append(clean_tag(f"BASELINKER_{code}_{name}" if name else f"BASELINKER_{code}"))
    return tuple(dict.fromkeys(tag for tag in wanted if tag))
