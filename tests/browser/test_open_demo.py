"""`make demo CONSOLE=1`: the console stays open on the sandbox; what is saved there holds for the next order."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from tests.browser.test_guard import token_in
from tests.harness.ports import quiet_port
from tests.harness.programs import settings

UP_SECONDS = 150.0


def test_a_newcomer_changes_a_setting_and_the_next_order_of_the_shop_is_skipped(kafka: str, tmp_path: Path) -> None:
    port = quiet_port()
    given = {**settings({}, kafka, ""), "CONSOLE_PORT": str(port), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "operations.cli", "demo", "--orders", "20", "--console"]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            assert demo.stdout is not None
            assert any(f"The console: http://127.0.0.1:{port}/" in line for line in demo.stdout)
            with httpx2.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"Accept-Language": "en"}, timeout=60
            ) as one:
                page = _page(one, "/settings")
                form = {
                    "csrf": token_in(page), "contact_tag": "Klient", "location": "sandbox_shop",
                    "tag_order_source": "both", "skip_shop_orders": "true",
                }  # fmt: skip
                preview = one.post("/settings/preview", data=form).headers["location"]
                assert "would be sent" in _page(one, preview)
                answer = one.post("/settings", data={"csrf": token_in(page), "work": preview.rpartition("/")[2]})
                assert answer.headers["location"] == "/settings"
            until = time.monotonic() + UP_SECONDS
            while not _skipped(tmp_path):
                assert time.monotonic() < until, "no order of the shop was skipped"
                time.sleep(1.0)
        finally:
            demo.send_signal(signal.SIGINT)
            said = demo.stdout.read() if demo.stdout is not None else ""
            code = demo.wait(60)
    assert code == 0
    assert "closing" in said


def _page(client: httpx2.Client, path: str) -> str:
    until = time.monotonic() + UP_SECONDS
    while True:
        try:
            return client.get(path).text
        except httpx2.TransportError:
            assert time.monotonic() < until
            time.sleep(0.5)


def _skipped(folder: Path) -> bool:
    """Whether the processor of the open shop has skipped an order of the shop's own."""
    logs = [log.read_text(errors="replace") for log in folder.glob("bl2sm-demo-*/processor-open.log")]
    return any('"order done"' in line and '"shop_order"' in line for log in logs for line in log.splitlines())
