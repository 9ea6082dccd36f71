"""Both APIs' stand-ins as a process of their own, and how a test talks to them."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sandbox(*options: str) -> Iterator[dict[str, str]]:
    """Both stand-ins; yields the settings that point at them."""
    command = [sys.executable, "-m", "sandbox", "--limit", "100000", *options]
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
    return json.loads(urllib.request.urlopen(request, timeout=10).read())


def switch(url: str, **switches: Any) -> None:
    """Set switches of a stand-in."""
    ask_sandbox(url, "switches", switches)
