"""Logging in and out: the session, where it leads, and how often a wrong password may be given."""

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console.login import LOCKED
from console.paths import local
from console.tries import MOST_EACH
from tests.console.clients import PASSWORD, log_in, token, token_in, try_login
from tests.console.offline import Offline

Console = tuple[Offline, TestClient]


def test_the_session_is_new_after_login_hidden_from_scripts_and_ends_at_logout(stranger: Console) -> None:
    _, client = stranger
    client.get("/login")
    before = client.cookies["bl2sm_session"]
    cookie = try_login(client).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    assert client.cookies["bl2sm_session"] != before
    page = client.get("/orders")
    assert page.status_code == 200
    kept = client.cookies["bl2sm_session"]
    client.post("/logout", data={"csrf": token_in(page.text)})
    assert client.get("/orders", headers={"Cookie": f"bl2sm_session={kept}"}).status_code == 303


def test_passwords_can_be_tried_five_times(stranger: Console) -> None:
    _, client = stranger
    answers = [try_login(client, "wrong") for _ in range(6)]
    assert [one.status_code for one in answers] == [403] * 5 + [429]
    told = ["Try again in 5\u00a0min." in one.text for one in answers]
    assert told == [False] * 4 + [True] * 2 and "The password is not right" in answers[4].text
    assert "Too many" in try_login(client, PASSWORD).text
    assert client.get("/orders").status_code == 303


def test_the_log_names_the_address_that_is_locked_out_and_what_to_set_behind_a_proxy(stranger: Console) -> None:
    _, client = stranger
    form = {"csrf": token(client), "password": "wrong", "name": "AK"}
    with capture_logs() as log:
        pages = [client.post("/login", data=form).text for _ in range(MOST_EACH + 1)]
    told = [line for line in log if line["event"] == LOCKED]
    assert [(line["log_level"], line["address"], line["seconds"]) for line in told] == [("warning", "testclient", 300)]
    assert "CONSOLE_PROXIES" in told[0]["hint"]
    assert ["Try again in" in page for page in pages] == [False] * (MOST_EACH - 1) + [True, True]
    assert 'value="AK"' in pages[-1]


def test_the_login_leads_to_the_page_that_was_wanted(stranger: Console) -> None:
    _, client = stranger
    to_login = client.get("/orders/747000046").headers["location"]
    assert to_login == "/login?next=/orders/747000046"
    page = client.get(to_login).text
    assert 'name="next" value="/orders/747000046"' in page
    assert f'name="back" value="{to_login}"' in page  # the other language keeps it
    wrong = client.post("/login", data={"csrf": token(client), "password": "no", "next": "/again"})
    assert 'name="next" value="/again"' in wrong.text
    assert log_in(client, next="/orders/747000046") == "/orders/747000046"
    assert client.get("/login?next=/again").headers["location"] == "/again"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/a\r\nb", "evil", ""]
)
def test_the_login_leads_nowhere_else(stranger: Console, path: str) -> None:
    _, client = stranger
    assert local(path) == "/"
    assert log_in(client, next=path) == "/"


def test_the_language_leads_back_within_the_console_alone(offline: Console) -> None:
    _, client = offline
    csrf = token(client, "/again")
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = client.post("/language", data={"csrf": csrf, "language": "en", "back": back})
        assert answer.headers["location"] == "/"
