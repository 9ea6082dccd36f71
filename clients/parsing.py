"""Lenient readers of JSON values: both APIs send ids as int or digit string, "" for missing, [] for empty maps.

What they return fits Kafka's records: ints of 64 bits, text that UTF-8 can carry.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

LARGEST_INT, LARGEST_EXACT_FLOAT = 2**63 - 1, 2**53
LONGEST_ID = 255


def as_int(value: Any, default: int = 0) -> int:
    """Return an int from an int, float, bool or digit string; the default for anything else, and beyond 64 bits."""
    try:
        found = int(value) if not isinstance(value, str) else int(value.strip() or default)
    except (TypeError, ValueError, OverflowError):
        try:
            found = int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default
    return found if -LARGEST_INT <= found <= LARGEST_INT else default


def as_text(value: Any) -> str:
    """Return trimmed text; "" for null, containers, booleans and what is no number. 7.0 reads "7"."""
    if isinstance(value, str):
        return encodable(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_bounded(value)):
        return ""
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT
    return str(int(value)) if whole else str(value)


def as_id(value: Any) -> str:
    """Return an id as text; "" for one that is none: too long to be kept."""
    text = as_text(value)
    return text if len(text) <= LONGEST_ID else ""


def encodable(text: str) -> str:
    """Return the text with `?` for halves of characters: JSON can say them, UTF-8 can't."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _bounded(value: float) -> float:
    return value if isinstance(value, float) or abs(value) <= LARGEST_INT else math.inf


def as_decimal(value: Any) -> Decimal:
    """Return a finite Decimal; 0 for anything that is none."""
    if not isinstance(value, str | int | float):
        return Decimal(0)
    try:
        found = Decimal(str(value).strip().replace(",", "."))
    except (InvalidOperation, ValueError):
        return Decimal(0)
    return found if found.is_finite() and abs(found) < Decimal(10) ** 15 else Decimal(0)


def as_bool(value: Any) -> bool:
    """Return the truth of true, 1, "1" and "true"."""
    return value is True or (not isinstance(value, bool) and as_text(value).lower() in {"1", "true"})


def as_seconds(value: Any) -> datetime | None:
    """Return aware UTC from unix seconds; None for 0, "" and what no calendar has."""
    seconds = as_int(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def as_millis(value: Any) -> datetime | None:
    """Return aware UTC from unix milliseconds (seconds, where the number is that small)."""
    number = as_int(value)
    if number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number > 10**11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def as_map(value: Any) -> Mapping[str, Any]:
    """Return a map; a list becomes a map of its positions, anything else an empty one."""
    if isinstance(value, Mapping):
        return value
    return {str(index): item for index, item in enumerate(value)} if isinstance(value, list) else {}


def as_rows(value: Any) -> list[Mapping[str, Any]]:
    """Return the maps of a list, or of a map's values."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
