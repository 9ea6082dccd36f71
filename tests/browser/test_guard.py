"""What the console refuses, over plain HTTP: no browser is needed to attack it."""

import os
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from console.paths import page_of
from console.tries import MOST_ALL, MOST_EACH, WINDOW_SECONDS, Tries
from sandbox.server import environment as apis
from tests.browser.browsing import console
from tests.harness.waiting import wait_until

PASSWORD, SECRET, TOKEN = "a long password 1", "sales-secret-in-here", "token-in-here-1000"
PAGES = ("/", "/orders", "/failed", "/again", "/settings", "/settings/credentials", "/login", "/nowhere")
ACTIONS = (
    "/failed/preview", "/failed/retry", "/failed/drop", "/again/replay/preview", "/again/replay",
    "/again/replay/stop/preview", "/again/replay/stop",
    "/again/orders/preview", "/again/orders", "/again/backfill/preview", "/again/backfill", "/settings/preview",
    "/pause/preview", "/pause", "/logout", "/language", "/running/x/stop",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console before topics that are there and empty, and APIs that are not."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESMANAGO_"))}
    given = {
        **own,
        **apis("http://127.0.0.1:1/connector.php", "http://127.0.0.1:1/api"),
        "BASELINKER_TOKEN": TOKEN,
        "SALESMANAGO_API_SECRET": SECRET,
        "BASELINKER_REQUESTS_PER_MINUTE": "20000",
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:12]}",
        "CONSOLE_PASSWORD": PASSWORD,
    }
    subprocess.run([sys.executable, "-m", "operations.cli", "topics"], env=given, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("guard")
    with console(given, folder) as address:
        yield address
    log = (folder / "console.log").read_text()
    assert not any(secret in log for secret in (PASSWORD, SECRET, TOKEN)), log
    assert "Traceback" not in log, log


def anonymous(root: str) -> httpx2.Client:
    return httpx2.Client(base_url=root, headers={"Accept-Language": "en"}, timeout=60)


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def log_in(client: httpx2.Client, password: str = PASSWORD) -> httpx2.Response:
    token = token_in(client.get("/login").text)
    return client.post("/login", data={"csrf": token, "password": password, "name": "AK"})


@pytest.fixture(scope="module")
def inside(root: str) -> Iterator[httpx2.Client]:
    """Somebody who is logged in."""
    with anonymous(root) as client:
        assert log_in(client).headers["location"] == "/"
        yield client


def test_without_the_password_there_is_only_the_login(root: str) -> None:
    with anonymous(root) as client:
        for path in (*PAGES[:6], "/orders/5", "/orders/5/now", "/running/x", "/settings/sources"):
            answer = client.get(path)
            login = "/login" if path == "/" else f"/login?next={path}"
            assert (answer.status_code, answer.headers["location"]) == (303, login), path
        assert client.get("/live").status_code == 204
        token = token_in(client.get("/login").text)
        for path in ACTIONS:
            if path != "/language":
                answer = client.post(path, data={"csrf": token})
                assert answer.status_code == 303 and answer.headers["location"].startswith("/login"), path


def test_the_session_is_new_after_login_hidden_from_scripts_and_ends_at_logout(root: str) -> None:
    with anonymous(root) as client:
        client.get("/login")
        before = client.cookies["bl2sm_session"]
        cookie = log_in(client).headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie
        assert client.cookies["bl2sm_session"] != before
        page = client.get("/orders")
        assert page.status_code == 200
        kept = client.cookies["bl2sm_session"]
        client.post("/logout", data={"csrf": token_in(page.text)})
        assert client.get("/orders", headers={"Cookie": f"bl2sm_session={kept}"}).status_code == 303


def test_behind_tls_the_session_is_sent_by_tls_alone(root: str) -> None:
    with anonymous(root) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        page = client.get("/login")
        client.cookies.clear()
        first = page.headers["set-cookie"]
        form = {"csrf": token_in(page.text), "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Cookie": first.partition(";")[0]})
        assert answer.headers["location"] == "/"
        assert "secure" in first.lower() and "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("path", [*ACTIONS, "/settings", "/orders", "/settings/credentials", "/login"])
def test_a_form_without_its_token_or_from_another_site_does_nothing(inside: httpx2.Client, path: str) -> None:
    token = token_in(inside.get("/again").text)
    values = {"paused": "yes", "password": PASSWORD}
    assert inside.post(path, data=values).status_code == 403
    assert inside.post(path, data={**values, "csrf": "x" * 43}).status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    assert inside.post(path, data={**values, "csrf": token}, headers=elsewhere).status_code == 403
    across = {"Sec-Fetch-Site": "cross-site"}
    assert inside.post(path, data={**values, "csrf": token}, headers=across).status_code == 403
    assert "Pause sending" in inside.get("/").text  # not paused


@pytest.mark.parametrize("path", ACTIONS)
def test_nothing_is_changed_by_following_a_link(inside: httpx2.Client, path: str) -> None:
    answer = inside.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, page_of(path))
    assert answer.headers["location"] not in ACTIONS and "Pause sending" in inside.get("/").text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(inside: httpx2.Client, host: str) -> None:
    answer = inside.get("/orders", headers={"Host": host})
    assert answer.status_code == 400
    assert "CONSOLE_NAMES" in answer.text


def test_every_page_forbids_foreign_content_and_inline_scripts_and_tells_no_secret(inside: httpx2.Client) -> None:
    strange = ("/orders/99999999999999999999", f"/orders/{'9' * 5000}", "/%00")
    for path in (*PAGES, *strange, "/orders/747000001", "/orders/5/now", "/static/console.js"):
        answer = inside.get(path)
        assert answer.status_code == 404 if path in strange else answer.status_code != 500, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not any(secret in answer.text for secret in (PASSWORD, SECRET, TOKEN)), path
        assert not re.search(
            r"<script(?! src=\"/static/)|<style|\sstyle=|\son\w+=|(?:src|href|action)=.https?:", answer.text
        ), path
        assert "Traceback" not in answer.text
        if not path.startswith("/static"):
            assert answer.headers["cache-control"] == "no-store"


def test_bad_input_is_answered_with_a_sentence(inside: httpx2.Client) -> None:
    token = token_in(inside.get("/again").text)
    bad: list[tuple[str, dict[str, str], int, str]] = [
        ("/again/replay/preview", {"from_offset": "7", "from_time": "2026-01-01T00:00"}, 400, "one of them"),
        ("/again/replay/preview", {"from_time": "soon", "zone": "../etc"}, 400, "Give a date"),
        ("/again/backfill/preview", {"since": ""}, 400, "Give a date"),
        ("/again/orders/preview", {"orders": "5, six"}, 400, "“six” is no order id"),
        ("/again/orders/preview", {"orders": "#5, 6"}, 303, ""),
        ("/again/backfill", {"work": "x"}, 404, "restarted meanwhile"),
        ("/again/replay", {"work": "x"}, 404, "restarted meanwhile"),
        ("/again/replay/stop", {}, 303, ""),
        ("/failed/preview", {"reason": "rejected", "until": "soon"}, 400, "not as this console made it"),
        ("/settings", {"work": "x"}, 404, "restarted meanwhile"),
        ("/settings/preview", {"location": "", "tag_order_source": "all"}, 400, "TAG_ORDER_SOURCE"),
        ("/settings/credentials", {}, 400, "at least one"),
        ("/orders", {"asked": "a@b" * 30}, 400, "at most 50"),
        ("/failed/preview", {"key": "9/9", "do": "retry"}, 404, "They are gone: somebody tried them again"),
        ("/failed/preview", {"reason": "rejected", "do": "drop"}, 404, "They are gone: somebody tried them again"),
        ("/failed/retry", {"key": "9/9"}, 303, ""),
        ("/pause", {"paused": "yes"}, 400, "not as this console made it"),
    ]
    for path, values, code, said in bad:
        answer = inside.post(path, data={**values, "csrf": token})
        assert (answer.status_code, said in answer.text) == (code, True), (path, answer.text)
        assert "Try again?" not in answer.text
    large = inside.post("/orders", data={"csrf": token, "asked": "1" * 300_000})
    assert large.status_code == 413
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = inside.post("/language", data={"csrf": token, "language": "en", "back": back})
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_offset": "999999"}, "The queue has no such place. Its partitions end at 0:0, 1:0"),
        ({"from_offset": "77:0"}, "The queue has no such place"),
    ],
)
def test_what_no_preview_can_be_made_of_is_said_on_its_page(
    inside: httpx2.Client, given: dict[str, str], said: str
) -> None:
    token = token_in(inside.get("/again").text)
    work = inside.post("/again/replay/preview", data={**given, "csrf": token}).headers["location"]
    page = ended(inside, work)
    assert said in page and "It stopped with an error:" in page
    refused = inside.post("/again/replay", data={"work": work.rpartition("/")[2], "csrf": token})
    assert "The preview is not complete" in refused.text


def ended(client: httpx2.Client, work: str) -> str:
    """A piece of work's page once it is not running any more."""
    wait_until(lambda: "hx-get" not in client.get(work).text, 30, f"{work} has ended")
    return client.get(work).text


def test_a_running_page_is_asked_for_its_changing_part_alone_until_its_state_is_another(inside: httpx2.Client) -> None:
    token = token_in(inside.get("/again").text)
    work = inside.post("/again/replay/preview", data={"from_offset": "0", "csrf": token}).headers["location"]
    page = ended(inside, work)
    assert "entries of" in page and "requests to BaseLinker" in page
    partly = inside.get(work, params={"shown": "done"}, headers={"HX-Request": "true"})
    assert partly.text.strip().startswith('<div id="changing">') and "HX-Retarget" not in partly.headers
    whole = inside.get(work, params={"shown": "running"}, headers={"HX-Request": "true"})
    assert (whole.headers["HX-Retarget"], whole.headers["HX-Reswap"]) == ("#work", "outerHTML")
    gone = inside.get("/running/gone", params={"shown": "running"}, headers={"HX-Request": "true"})
    assert gone.headers["HX-Retarget"] == "#work"


def test_a_change_of_settings_is_who_saved_its_and_when(root: str, inside: httpx2.Client) -> None:
    token = token_in(inside.get("/settings").text)
    form = {"csrf": token, "location": "shop_1", "contact_tag": "A & B's <b>", "tag_order_source": "none"}
    work = inside.post("/settings/preview", data=form).headers["location"]
    assert "A &amp; B&#39;s &lt;b&gt;" in ended(inside, work)
    with anonymous(root) as other:
        login = token_in(other.get("/login").text)
        other.post("/login", data={"csrf": login, "password": PASSWORD, "name": "BN"})
        page = other.get("/settings").text
        saved = other.post("/settings", data={"csrf": token_in(page), "work": work.rpartition("/")[2]})
        assert saved.status_code == 303
        history = other.get("/settings").text.partition('id="history"')[2]
    assert "<td>BN</td>" in history and "<td>AK</td>" not in history


def test_a_form_that_breaks_off_does_nothing(root: str) -> None:
    """That nothing is told as a fault is seen in the log at the end."""
    address = httpx2.URL(root)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\ncsrf=")


def test_wrong_passwords_lock_an_address_and_a_crowd_for_five_minutes() -> None:
    tries = Tries()
    for second in range(MOST_EACH):
        assert tries.judge("a", second, right=False) == 0
    assert tries.judge("a", 10, right=True) == WINDOW_SECONDS - 10
    assert tries.judge("b", 10, right=True) == 0
    assert tries.judge("a", WINDOW_SECONDS, right=True) == 0
    for number in range(MOST_ALL):
        tries.judge(f"c{number}", 20, right=False)
    assert tries.judge("new", 21, right=True) > 0


def test_passwords_can_be_tried_five_times(root: str) -> None:
    with anonymous(root) as client:
        answers = [log_in(client, "wrong") for _ in range(6)]
        assert [one.status_code for one in answers] == [403] * 5 + [429]
        told = ["Try again in 5\u00a0min." in one.text for one in answers]
        assert told == [False] * 4 + [True] * 2 and "The password is not right" in answers[4].text
        assert "Too many" in log_in(client, PASSWORD).text
        assert client.get("/orders").status_code == 303


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CONSOLE_HOST": "0.0.0.0"}, "CONSOLE_PASSWORD: is missing"),
        ({"CONSOLE_PASSWORD": "short"}, "shorter than 8"),
        ({"CONSOLE_PORT": "99999"}, "CONSOLE_PORT"),
    ],
)
def test_a_console_that_others_reach_needs_a_password(tmp_path: Path, given: dict[str, str], said: str) -> None:
    assert starts_not(tmp_path, given, said) == 2


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert starts_not(tmp_path, {"CONSOLE_PORT": str(port)}, f"can't listen on port {port}") == 1


def starts_not(folder: Path, given: dict[str, str], said: str) -> int:
    """Run a console that says no more than why it ends; return its exit code."""
    environment = {"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "operations.cli", "console"]
    ran = subprocess.run(
        command, env={**environment, **given}, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert said in ran.stderr and ran.stderr.count("\n") == 1, ran.stderr
    return ran.returncode
