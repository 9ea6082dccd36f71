"""The stand-ins from another process: what they hold, and an order that somebody changes."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

_direct = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # the stand-ins are here, whatever http_proxy says


def fetch_state(url: str) -> dict[str, Any]:
    """Return a stand-in's state by any of its URLs."""
    root = url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")
    with _direct.open(f"{root}/_sandbox/state", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def edit_order(url: str, order: Mapping[str, Any], log_types: Sequence[int]) -> None:
    """Change or add an order in BaseLinker's stand-in: what is given of it, and an entry of each type."""
    root = url.split("/connector.php", maxsplit=1)[0]
    body = json.dumps({"order": order, "log_types": log_types}).encode()
    _direct.open(urllib.request.Request(f"{root}/_sandbox/orders", body, method="POST"), timeout=30).close()  # noqa: S310
