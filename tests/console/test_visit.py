"""What every request needs: a session, the password, the form's token; and a language that keeps the page."""

import re
from html import unescape

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console.program import Program
from tests.console.clients import PASSWORD, browser, token
from tests.console.offline import Offline
from tests.console.pages import ACTIONS, PAGES

Console = tuple[Offline, TestClient]
GETS = ("/", "/orders", "/again", "/login", "/running/x")


def test_without_the_password_there_is_only_the_login(online: Program) -> None:
    client = browser(online)
    for path in (*PAGES[:6], "/orders/5", "/orders/5/now", "/running/x", "/settings/sources"):
        answer = client.get(path)
        login = "/login" if path == "/" else f"/login?next={path}"
        assert (answer.status_code, answer.headers["location"]) == (303, login), path
    assert client.get("/live").status_code == 204
    csrf = token(client)
    for path in ACTIONS:
        if path != "/language":
            answer = client.post(path, data={"csrf": csrf})
            assert answer.status_code == 303 and answer.headers["location"].startswith("/login"), path


@pytest.mark.parametrize("path", [*ACTIONS, "/settings", "/orders", "/settings/credentials", "/login"])
def test_a_form_without_its_token_or_from_another_site_does_nothing(client: TestClient, path: str) -> None:
    csrf = token(client, "/again")
    values = {"paused": "yes", "password": PASSWORD}
    assert client.post(path, data=values).status_code == 403
    assert client.post(path, data={**values, "csrf": "x" * 43}).status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    assert client.post(path, data={**values, "csrf": csrf}, headers=elsewhere).status_code == 403
    across = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(path, data={**values, "csrf": csrf}, headers=across).status_code == 403
    assert "Pause sending" in client.get("/").text  # not paused


def test_a_form_that_is_too_large_is_refused(offline: Console) -> None:
    _, client = offline
    large = client.post("/orders", data={"csrf": token(client, "/again"), "asked": "1" * 300_000})
    assert large.status_code == 413


def test_a_link_from_elsewhere_leaves_one_logged_in(stranger: Console) -> None:
    _, client = stranger
    answer = client.post("/login", data={"csrf": token(client), "password": PASSWORD})
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    came = client.get("/orders", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert came.status_code == 200 and "set-cookie" not in came.headers


def test_a_form_from_elsewhere_takes_nobodys_session_away(stranger: Console) -> None:
    program, _ = stranger
    without_cookie = browser(program)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = without_cookie.post("/language", data={"language": "pl"}, headers=headers)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_reading_a_page_changes_nothing(offline: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    program, client = offline

    def started(*_: object, **__: object) -> None:
        pytest.fail("a page started work")

    monkeypatch.setattr(program.works, "start", started)
    before = (client.cookies["bl2sm_session"], program.held)
    for path in GETS:
        client.get(path)
    assert (client.cookies["bl2sm_session"], program.held) == before


def test_a_part_of_a_page_leads_back_to_the_whole_page(stranger: Console) -> None:
    _, client = stranger
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/orders/5?x=1"}
    assert client.get("/orders/5/now", headers=headers).headers["HX-Redirect"] == "/login?next=/orders/5"
    for strange in ("http://[", "", "//evil.example"):
        answer = client.get("/orders/5/now", headers={**headers, "HX-Current-URL": strange})
        assert answer.headers["HX-Redirect"] == "/login"


def test_a_proxy_that_changes_the_name_is_reported_with_what_to_set(stranger: Console) -> None:
    _, client = stranger
    form = {"csrf": token(client), "password": PASSWORD}
    behind = {"Origin": "https://shop.example:8443", "Sec-Fetch-Site": "same-origin"}
    answer = client.post("/login", data=form, headers=behind)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    for told in (
        "shop.example:8443",
        "as 127.0.0.1",
        "proxy_set_header Host $http_host;",
        "add shop.example to CONSOLE",
    ):
        assert told in answer.text
    strange = client.post("/login", data=form, headers={"Origin": "https://<b>"})
    assert "&lt;b&gt;" in strange.text and "<b>" not in strange.text
    for headers in ({"Origin": "null"}, {**behind, "Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/login", data=form, headers=headers)
        assert answer.status_code == 403 and "proxy" not in answer.text


@pytest.mark.parametrize(
    ("path", "form", "polish"),
    [
        ("/pause/preview", {"paused": "yes", "reason": 'a "b" & c'}, "Wstrzymać wysyłanie?"),
        ("/again/orders/preview", {"orders": "5, six"}, "„six” to nie numer zamówienia"),
        ("/orders", {"asked": "Kowalska"}, "Podaj numer zamówienia"),
        ("/again/replay/stop/preview", {}, "To się nie udało"),  # without Kafka
    ],
)
def test_another_language_keeps_a_page_that_a_form_made(
    offline: Console, path: str, form: dict[str, str], polish: str
) -> None:
    _, client = offline
    page = client.post(path, data={**form, "csrf": token(client, "/again")}).text
    switch = page.partition('<div class="who">')[2].partition("</form>")[0]
    assert f'action="{path}"' in switch
    again = {unescape(name): unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', switch)}
    assert form.items() <= again.items() and again.keys() - form.keys() == {"csrf", "language"}
    answer = client.post(path, data={**again, "language": "pl"})
    assert polish in answer.text and client.cookies["bl2sm_language"] == "pl"
    assert "Gdzie jest moje zamówienie?" in client.get("/orders").text
    assert client.post(path, data={**again, "language": "xx"}).status_code in {200, 400, 503}
    assert client.cookies["bl2sm_language"] == "pl"


def test_what_acts_is_never_sent_again_for_a_language(offline: Console) -> None:
    _, client = offline
    refused = client.post("/again/orders", data={"work": "gone", "csrf": token(client, "/again")}).text
    keys = client.post("/settings/credentials", data={"csrf": token(client, "/again")}).text
    for page, back in (
        (refused, "/again"),
        (keys, "/settings/credentials"),
        (client.get("/running/x").text, "/running/x"),
    ):
        switch = page.partition('<div class="who">')[2].partition("</form>")[0]
        assert 'action="/language"' in switch and f'name="back" value="{back}"' in switch


def test_a_refusal_is_no_error_in_the_log(offline: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    program, client = offline
    form = {"csrf": token(client, "/again"), "work": "gone"}
    with capture_logs() as log:
        assert client.post("/again/orders", data=form).status_code == 404
        monkeypatch.setattr(program, "current", lambda: 1 / 0)
        assert client.post("/pause/preview", data=form).status_code == 500
    told = [(line["log_level"], line["event"], line["path"]) for line in log]
    assert told == [("info", "a page was refused", "/again/orders"), ("error", "a page failed", "/pause/preview")]
