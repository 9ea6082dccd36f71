"""Both APIs' stand-ins as a process of their own, and how a test talks to them."""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sandbox.remote import fetch_state
from sandbox.shop import make_shop

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says
TIMEOUT = 30


@contextmanager
def sandbox(*options: str) -> Iterator[dict[str, str]]:
    """Both stand-ins; yields the settings that point at them."""
    command = [sys.executable, "-m", "sandbox", "--limit", "10000000", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def ask_sandbox(url: str, what: str, body: object) -> Any:
    """POST to a stand-in's own paths (`switches`, `orders`, `listen`, `heavy`) by any of its URLs."""
    root = url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")
    request = urllib.request.Request(f"{root}/_sandbox/{what}", json.dumps(body).encode(), method="POST")
    with _direct.open(request, timeout=TIMEOUT) as answer:
        return json.load(answer)


def switch(url: str, **switches: Any) -> None:
    """Set switches of a stand-in."""
    ask_sandbox(url, "switches", switches)


def an_order(order_id: int, **fields: Any) -> dict[str, Any]:
    """A confirmed order placed by phone just now; `fields` are what is different about it."""
    now = int(time.time())
    order: dict[str, Any] = dict(next(iter(make_shop(1, 1, now).orders.values())))
    order |= {"order_id": order_id, "order_source": "personal", "order_source_id": 0, "confirmed": True}
    return order | {"date_add": now, "date_confirmed": now} | fields


def purchases(apis: Mapping[str, str]) -> Counter[str]:
    """How many purchases each order has at SALESmanago."""
    return Counter(str(event["externalId"]) for event in fetch_state(apis["SALESMANAGO_API_URL"])["events"])


def writes(apis: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every effect at SALESmanago, in order."""
    return list(fetch_state(apis["SALESMANAGO_API_URL"])["writes"])


def requests(apis: Mapping[str, str]) -> Counter[str]:
    """What BaseLinker was asked, by method."""
    return Counter(fetch_state(apis["BASELINKER_API_URL"])["requests"])
