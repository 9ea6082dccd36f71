"""The demo's shop stays open: programs and the console go on, and somebody buys every few seconds, until Ctrl-C."""

import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from sandbox.children import Child, end, start
from sandbox.kafka.broker import free_port
from sandbox.remote import edit_order, fetch_state

SECONDS = 8.0
PORT = 8080
SOURCES = (("shop", 2001), ("personal", 0), ("shop", 2001), ("amazon", 4001))


def keep_open(settings: Mapping[str, str], folder: Path, out: Console) -> int:
    """Run producer, processor and console until Ctrl-C, on CONSOLE_PORT; 1 where one of them ended by itself."""
    port = os.environ.get("CONSOLE_PORT") or str(PORT)
    commands = {
        "producer": ["-m", "producer"],
        "processor-open": ["-m", "processor"],
        "console": ["-m", "operations.cli", "console", "--port", port],
    }
    children: list[Child] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _interrupt)
    try:
        for program, command in commands.items():
            own = settings if program == "console" else {**settings, "HTTP_PORT": str(free_port())}
            children.append(start(command, own, folder / f"{program}.log"))
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
        return 0
    finally:
        end(children)
    return 1


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
    edit_order(url, order, [1])
