"""The first connection from the console alone: an empty `.env`, keys and e-shop given, a processor started from it."""

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import httpx2

from sandbox.remote import fetch_state
from tests.browser.browsing import console
from tests.browser.test_guard import token_in
from tests.harness.stand_ins import sandbox

GIVEN = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    "SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION",
)  # fmt: skip


def follow(client: httpx2.Client, answer: httpx2.Response, until: str) -> str:
    """Go where a form led, until the page says something."""
    path = answer.headers["location"]
    end = time.monotonic() + 120
    while until not in (text := client.get(path).text):
        assert time.monotonic() < end, text
        time.sleep(0.3)
    return text


def give(client: httpx2.Client, values: Mapping[str, str]) -> httpx2.Response:
    form = {"csrf": token_in(client.get("/settings/credentials").text), **values}
    return client.post("/settings/credentials", data=form)


def test_a_newcomer_connects_from_the_console_alone(kafka: str, tmp_path: Path) -> None:
    with sandbox("--orders", "15") as apis:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESMANAGO_"))}
        elsewhere = {name: value for name, value in apis.items() if name not in GIVEN}  # of the stand-ins alone
        environment = {
            **own,
            **elsewhere,
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:12]}",
        }
        (tmp_path / ".env").touch()
        with (
            console(environment, tmp_path) as root,
            httpx2.Client(base_url=root, headers={"Accept-Language": "en"}, timeout=60) as client,
        ):
            assert client.get("/settings/credentials").text.count(">missing<") == 6
            alone = give(client, {"SALESMANAGO_API_SECRET": apis["SALESMANAGO_API_SECRET"]})
            assert alone.status_code == 400 and "Still missing: SALESmanago API address, SALESmanago cl" in alone.text
            tried = follow(client, give(client, {name: apis[name] for name in GIVEN}), "Nothing is saved yet")
            assert (tmp_path / ".env").read_text() == ""
            assert not any(apis[name] in tried for name in ("BASELINKER_TOKEN", "SALESMANAGO_API_SECRET"))
            work = re.search(r'name="work" value="([^"]+)"', tried)
            assert work is not None
            form = {"csrf": token_in(tried), "work": work[1]}
            follow(client, client.post("/settings/credentials/save", data=form), "Now restart the programs")
            again = client.post("/settings/credentials/save", data=form)
            assert "entered too long ago" in again.text
            held = (tmp_path / ".env").read_text()
            assert all(f"{name}={apis[name]}" in held for name in GIVEN)
            assert ">missing<" not in client.get("/settings/credentials").text
            shops = client.get("/settings").text
            assert f'<option value="{apis["SALESMANAGO_LOCATION"]}" selected>' in shops
        for program in ("producer", "processor"):
            command = [sys.executable, "-m", program, "--until-caught-up"]
            ran = subprocess.run(
                command,
                env={**environment, "BASELINKER_REQUESTS_PER_MINUTE": "20000", "PYTHONPATH": str(Path.cwd())},
                cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stderr
        assert len(fetch_state(apis["SALESMANAGO_API_URL"])["events"]) > 3
    assert apis["BASELINKER_TOKEN"] not in (tmp_path / "console.log").read_text()


def test_names_that_others_use_ask_for_a_password(kafka: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "operations.cli", "console", "--port", "0"]
    given = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "CONSOLE_NAMES": "shop.example",
        "PYTHONPATH": str(Path.cwd()),
    }
    given.pop("CONSOLE_PASSWORD", None)
    ran = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "CONSOLE_PASSWORD: is missing" in ran.stderr
