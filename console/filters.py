"""How values are written into pages."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from operations.output import json_ready


def when(at: datetime | None) -> Markup:
    """Return a time in UTC; the page's script turns it into the reader's own zone."""
    if at is None:
        return Markup("–")
    at = at.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}")


def pretty(value: Any) -> str:
    """Return data as indented JSON."""
    return json.dumps(json_ready(value), ensure_ascii=False, indent=2)


def split(counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return `outcome: reason` → count as rows of outcome, reason, count, the largest first."""
    rows = [(*_two(name), count) for name, count in counts.items()]
    return sorted(rows, key=lambda row: -row[2])


def of_outcome(counts: Mapping[str, int], outcome: str) -> int:
    """Return how many have an outcome, whatever the reason."""
    return sum(count for name, count in counts.items() if name.partition(": ")[0] == outcome)


def _two(name: str) -> tuple[str, str]:
    outcome, _, reason = name.partition(": ")
    return outcome, reason
