"""`make demo CONSOLE=1`: the console stays open on the sandbox, and what is saved there holds for the next order."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from tests.console.clients import ended, remote, token_in
from tests.harness.ports import quiet_port
from tests.harness.programs import settings
from tests.harness.stand_ins import sandbox
from tests.harness.waiting import wait_until

SECONDS = 150.0
OPEN = """
import json, sys
from pathlib import Path
from rich.console import Console
from sandbox import open_shop
open_shop.SECONDS = 1.0
sys.exit(open_shop.keep_open(json.loads(sys.argv[1]), Path(sys.argv[2]), Console()))
"""


def test_the_next_order_of_the_open_shop_is_skipped_once_its_owner_says_so(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "20", "--latency", "0.05") as apis:
        given = settings(apis, kafka, prefix)
        owner_skips_shop_orders([sys.executable, "-c", OPEN, json.dumps(given), str(tmp_path)], given, tmp_path)


@pytest.mark.slow
def test_the_shop_is_open_after_the_demo(kafka: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operations.cli", "demo", "--orders", "20", "--console"]
    owner_skips_shop_orders(command, settings({}, kafka, ""), tmp_path)


def owner_skips_shop_orders(command: Sequence[str], given: dict[str, str], folder: Path) -> None:
    """Change a setting in the console that a command opens; wait for the next order of the shop, and end it."""
    port = quiet_port()
    environment = {**given, "CONSOLE_PORT": str(port), "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as shop:
        try:
            assert shop.stdout is not None
            assert any(f"The console: http://127.0.0.1:{port}/" in line for line in shop.stdout)
            with remote(f"http://127.0.0.1:{port}") as client:
                wait_until(lambda: done(folder), SECONDS, "an order is done")
                wait_until(lambda: answers(client), SECONDS, "the console answers")
                form = {
                    "csrf": token_in(client.get("/settings").text), "contact_tag": "Klient",
                    "location": "sandbox_shop", "tag_order_source": "both", "skip_shop_orders": "true",
                }  # fmt: skip
                preview = client.post("/settings/preview", data=form).headers["location"]
                assert "would be sent" in ended(client, preview)
                saved = {"csrf": form["csrf"], "work": preview.rpartition("/")[2]}
                assert client.post("/settings", data=saved).headers["location"] == "/settings"
            wait_until(lambda: "shop_order" in done(folder), SECONDS, "an order of the shop is skipped")
        finally:
            shop.send_signal(signal.SIGINT)
            said = shop.stdout.read() if shop.stdout is not None else ""
            code = shop.wait(60)
    assert code == 0, said
    assert "closing" in said


def answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/settings").status_code == 200
    except httpx2.TransportError:
        return False


def done(folder: Path) -> str:
    """What the open shop's processor has logged of orders that have their outcome."""
    logs = [log.read_text(errors="replace") for log in folder.rglob("processor-open.log")]
    return "\n".join(line for log in logs for line in log.splitlines() if '"order done"' in line)
