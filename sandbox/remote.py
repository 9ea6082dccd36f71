"""The stand-ins from another process: what they hold, and an order that somebody changes."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any


def fetch_state(url: str) -> dict[str, Any]:
    """Return a stand-in's state by any of its URLs."""
    root = url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")
    with urllib.request.urlopen(f"{root}/_sandbox/state", timeout=30) as answer:  # noqa: S310 - the sandbox's own
        found: dict[str, Any] = json.load(answer)
    return found


def edit_order(url: str, order: Mapping[str, Any], log_types: Sequence[int]) -> None:
    """Change or add an order in BaseLinker's stand-in: what is given of it, and an entry of each type."""
    root = url.split("/connector.php", maxsplit=1)[0]
    body = json.dumps({"order": order, "log_types": log_types}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{root}/_sandbox/orders", body, method="POST"), timeout=30).close()  # noqa: S310
