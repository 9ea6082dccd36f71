"""Lenient readers of JSON values: both APIs send ids as int or digit string, "" for missing, [] for empty maps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any


def as_int(value: Any, default: int = 0) -> int:
    """Return an int from an int, float, bool or digit string; the default for anything else."""
    try:
        return int(value) if not isinstance(value, str) else int(value.strip() or default)
    except (TypeError, ValueError, OverflowError):
        try:
            return int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default


def as_text(value: Any) -> str:
    """Return trimmed text; "" for null, containers and booleans."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def as_decimal(value: Any) -> Decimal:
    """Return a finite Decimal; 0 for anything that is none."""
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
