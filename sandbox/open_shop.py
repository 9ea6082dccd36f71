"""The demo's shop stays open: programs and the console go on, and somebody buys every few seconds, until Ctrl-C."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from sandbox.verify import fetch_state

SECONDS = 8.0
PORT = 8080
SOURCES = (("shop", 2001), ("personal", 0), ("shop", 2001), ("amazon", 4001))


def keep_open(settings: Mapping[str, str], folder: Path, out: Console) -> None:
    """Run producer, processor and console until Ctrl-C; the console's address is the setting CONSOLE_PORT's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESMANAGO_"))}
    environment = {**clean, **settings}
    port = environment.get("CONSOLE_PORT") or str(PORT)
    commands = {
        "producer": ["-m", "producer"],
        "processor-open": ["-m", "processor"],
        "console": ["-m", "operations.cli", "console", "--port", port],
    }
    children = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _interrupt)
    try:
        for program, command in commands.items():
            with (folder / f"{program}.log").open("wb") as output:
                children.append(
                    subprocess.Popen(
                        [sys.executable, *command],
                        env=environment,
                        cwd=folder,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                )
        _tell(out, port)
        number = 0
        while all(child.poll() is None for child in children):
            time.sleep(SECONDS)
            number += 1
            _buy(settings["BASELINKER_API_URL"], number)
        out.print(f"A program ended; its log is in {folder}")
    except OSError:
        out.print("the sandbox ended")
    except KeyboardInterrupt:
        out.print("closing")
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tell(out: Console, port: str) -> None:
    out.print(f"The console: http://127.0.0.1:{port}/ (Ctrl-C ends all). Every {SECONDS:.0f} s somebody buys. Try:")
    out.print('  1. Settings: tick "Don\'t send orders of your own shop", Preview, Save')
    out.print("  2. Orders: watch the next order of the shop being skipped")


def _buy(url: str, number: int) -> None:
    """A new order, like an earlier one, by the next source."""
    source, source_id = SOURCES[number % len(SOURCES)]
    orders = fetch_state(url)["orders"]
    alike = [one for one in orders if one["order_source"] == source and one["confirmed"] and one["email"]]
    if not alike:
        return
    order_id, now = max(one["order_id"] for one in orders) + 1, int(time.time())
    order: dict[str, Any] = {
        **random.choice(alike),
        "order_id": order_id,
        "order_source_id": source_id,
        "email": f"kupujacy{order_id}@example.com",
        "date_add": now,
        "date_confirmed": now,
    }
    root = url.split("/connector.php", maxsplit=1)[0]
    body = json.dumps({"order": order, "log_types": [1]}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{root}/_sandbox/orders", body, method="POST"), timeout=30).close()  # noqa: S310
