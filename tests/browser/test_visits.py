"""Sessions, links from elsewhere, languages and addresses: what every page shares, without Kafka."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console.guard import same_host
from console.login import LOCKED
from console.paths import local, page_of
from console.tries import MOST_EACH
from tests.browser.indoors import PASSWORD, Indoors, browser, console, log_in, token

GETS = ("/", "/orders", "/again", "/login", "/running/x")


@pytest.fixture
def room() -> Iterator[tuple[Indoors, TestClient]]:
    with console() as found:
        yield found


def test_a_link_from_elsewhere_leaves_one_logged_in(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    answer = client.post("/login", data={"csrf": token(client), "password": PASSWORD})
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    came = client.get("/orders", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert came.status_code == 200 and "set-cookie" not in came.headers


def test_a_form_from_elsewhere_takes_nobodys_session_away(room: tuple[Indoors, TestClient]) -> None:
    program, _ = room
    without_cookie = browser(program)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = without_cookie.post("/language", data={"language": "pl"}, headers=headers)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_reading_a_page_changes_nothing(room: tuple[Indoors, TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    program, client = room
    log_in(client)

    def started(*_: object, **__: object) -> None:
        pytest.fail("a page started work")

    monkeypatch.setattr(program.works, "start", started)
    before = (client.cookies["bl2sm_session"], program.held)
    for path in GETS:
        client.get(path)
    assert (client.cookies["bl2sm_session"], program.held) == before


def test_the_login_leads_to_the_page_that_was_wanted(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    to_login = client.get("/orders/747000046").headers["location"]
    assert to_login == "/login?next=/orders/747000046"
    page = client.get(to_login).text
    assert 'name="next" value="/orders/747000046"' in page
    assert f'name="back" value="{to_login}"' in page  # the other language keeps it
    wrong = client.post("/login", data={"csrf": token(client), "password": "no", "next": "/again"})
    assert 'name="next" value="/again"' in wrong.text
    assert log_in(client, next="/orders/747000046") == "/orders/747000046"
    assert client.get("/login?next=/again").headers["location"] == "/again"


def test_a_part_of_a_page_leads_back_to_the_whole_page(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/orders/5?x=1"}
    assert client.get("/orders/5/now", headers=headers).headers["HX-Redirect"] == "/login?next=/orders/5"
    for strange in ("http://[", "", "//evil.example"):
        answer = client.get("/orders/5/now", headers={**headers, "HX-Current-URL": strange})
        assert answer.headers["HX-Redirect"] == "/login"


def test_a_proxy_that_changes_the_name_is_told_with_what_to_set(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
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
    ("origin", "host", "same"),
    [
        ("https://shop.example", "shop.example", True),
        ("https://shop.example", "Shop.example:443", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("https://shop.example", "shop.example:80", False),
        ("https://shop.example:8443", "shop.example", False),
        ("https://evil.example", "shop.example", False),
        ("null", "null", False),
        ("null", "", False),
    ],
)
def test_an_origin_is_the_hosts_by_name_and_port(origin: str, host: str, same: bool) -> None:
    assert same_host(origin, host) is same


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
    room: tuple[Indoors, TestClient], path: str, form: dict[str, str], polish: str
) -> None:
    _, client = room
    log_in(client)
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


def test_what_acts_is_never_sent_again_for_a_language(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    log_in(client)
    refused = client.post("/again/orders", data={"work": "gone", "csrf": token(client, "/again")}).text
    keys = client.post("/settings/credentials", data={"csrf": token(client, "/again")}).text
    for page, back in (
        (refused, "/again"),
        (keys, "/settings/credentials"),
        (client.get("/running/x").text, "/running/x"),
    ):
        switch = page.partition('<div class="who">')[2].partition("</form>")[0]
        assert 'action="/language"' in switch and f'name="back" value="{back}"' in switch


def test_an_actions_address_leads_to_its_page(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    log_in(client)
    for path, page in (("/failed/preview", "/failed"), ("/pause", "/"), ("/again/backfill", "/again")):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/a\r\nb", "evil", ""]
)
def test_the_login_leads_nowhere_else(room: tuple[Indoors, TestClient], path: str) -> None:
    _, client = room
    assert local(path) == "/"
    assert log_in(client, next=path) == "/"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/orders/5", "/orders/5"),
        ("/running/a-b_c", "/running/a-b_c"),
        ("/running/a-b_c/stop", "/running/a-b_c"),
        ("/failed/retry", "/failed"),
        ("/again/replay/stop/preview", "/again"),
        ("/settings/preview", "/settings"),
        ("/settings/credentials/save", "/settings/credentials"),
        ("/pause/preview", "/"),
        ("/logout", "/"),
        ("/running//evil.example", "/"),
        ("//evil.example", "/"),
    ],
)
def test_every_address_belongs_to_a_page(path: str, page: str) -> None:
    assert page_of(path) == page


def test_the_log_says_whom_the_limit_stops_and_what_to_set_behind_a_proxy(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    form = {"csrf": token(client), "password": "wrong", "name": "AK"}
    with capture_logs() as log:
        pages = [client.post("/login", data=form).text for _ in range(MOST_EACH + 1)]
    told = [line for line in log if line["event"] == LOCKED]
    assert [(line["log_level"], line["address"], line["seconds"]) for line in told] == [("warning", "testclient", 300)]
    assert "CONSOLE_PROXIES" in told[0]["hint"]
    assert ["Try again in" in page for page in pages] == [False] * (MOST_EACH - 1) + [True, True]
    assert 'value="AK"' in pages[-1]
