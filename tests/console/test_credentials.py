"""Keys and passwords from the console: a newcomer's first connection, and what is asked for again."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

import operations.credentials
from operations.output import Refused
from sandbox.remote import fetch_state
from tests.console.clients import browser, ended, token, token_in
from tests.console.offline import Offline
from tests.console.online import online_console
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox

pytestmark = pytest.mark.filterwarnings("ignore:BASELINKER_REQUESTS_PER_MINUTE")

GIVEN = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    "SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION",
)  # fmt: skip
SECRET = ("BASELINKER_TOKEN", "SALESMANAGO_API_SECRET")


def give(client: httpx2.Client, values: Mapping[str, str]) -> httpx2.Response:
    return client.post("/settings/credentials", data={"csrf": token(client, "/settings/credentials"), **values})


def test_a_newcomer_connects_from_the_console_alone(kafka: str, prefix: str, tmp_path: Path) -> None:
    (tmp_path / ".env").touch()
    with sandbox("--orders", "15") as apis:
        elsewhere = {name: value for name, value in apis.items() if name not in GIVEN}  # of the stand-ins alone
        environment = settings(elsewhere, kafka, prefix)
        secrets = [apis[name] for name in SECRET]
        with online_console(environment, tmp_path, secrets) as program, browser(program) as client:
            assert client.get("/settings/credentials").text.count(">missing<") == 6
            alone = give(client, {"SALESMANAGO_API_SECRET": apis["SALESMANAGO_API_SECRET"]})
            assert alone.status_code == 400 and "Still missing: SALESmanago API address, SALESmanago cl" in alone.text
            tried = ended(client, give(client, {name: apis[name] for name in GIVEN}).headers["location"])
            assert "Nothing is saved yet" in tried
            assert (tmp_path / ".env").read_text() == ""
            assert not any(secret in tried for secret in secrets)
            work = re.search(r'name="work" value="([^"]+)"', tried)
            assert work is not None
            form = {"csrf": token_in(tried), "work": work[1]}
            saved = client.post("/settings/credentials/save", data=form)
            assert "Now restart the programs" in ended(client, saved.headers["location"])
            again = client.post("/settings/credentials/save", data=form)
            assert "entered too long ago" in again.text
            held = (tmp_path / ".env").read_text()
            assert all(f"{name}={apis[name]}" in held for name in GIVEN)
            assert ">missing<" not in client.get("/settings/credentials").text
            shops = client.get("/settings").text
            assert f'<option value="{apis["SALESMANAGO_LOCATION"]}" selected>' in shops
        with Programs(environment, tmp_path) as programs:
            programs.finish()  # from what stands in `.env` now
        assert len(fetch_state(apis["SALESMANAGO_API_URL"])["events"]) > 3


def test_keys_that_are_not_accepted_are_typed_again_and_the_rest_stays(
    offline: tuple[Offline, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, client = offline
    given = {"SALESMANAGO_CLIENT_ID": "my-client", "SALESMANAGO_API_SECRET": "hidden-secret"}
    answer = give(client, given)
    assert answer.status_code == 400 and "tried together. Still missing: SALESmanago API address" in answer.text
    assert 'value="my-client"' in answer.text and "hidden-secret" not in answer.text
    assert "type those you want to change again" in answer.text

    def refuse(*_: object) -> None:
        raise Refused("no")

    monkeypatch.setattr(operations.credentials, "attempt", refuse)
    sales = {"SALESMANAGO_API_URL": "https://a.example/api", "SALESMANAGO_OWNER": "o@example.com"}
    page = ended(client, give(client, {**given, **sales}).headers["location"])
    back = re.search(r'href="(/settings/credentials\?work=[^"]+)"', page)
    assert back is not None
    again = client.get(back[1]).text
    assert 'value="my-client"' in again and 'value="o@example.com"' in again and "hidden-secret" not in again
    another = program.sessions.begin(time.monotonic(), logged_in=True)
    other = client.get(back[1], headers={"Cookie": f"bl2sm_session={another.id}"}).text
    assert "my-client" not in other
