"""The console as a process: what it needs to start, and what only a real connection shows."""

import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.console.clients import PASSWORD, remote, token_in
from tests.console.offline import GIVEN
from tests.console.process import console_process
from tests.harness.commands import bl2sm
from tests.harness.programs import inherited

STARTING = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console; in the end its log holds neither the password nor a traceback."""
    folder = tmp_path_factory.mktemp("serve")
    with console_process({**inherited(), **GIVEN}, folder) as address:
        yield address
    log = (folder / "console.log").read_text()
    assert PASSWORD not in log and "Traceback" not in log, log


def test_behind_tls_the_session_is_sent_by_tls_alone(root: str) -> None:
    with remote(root) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        page = client.get("/login")
        client.cookies.clear()
        first = page.headers["set-cookie"]
        form = {"csrf": token_in(page.text), "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Cookie": first.partition(";")[0]})
        assert answer.headers["location"] == "/"
        assert "secure" in first.lower() and "secure" in answer.headers["set-cookie"].lower()


def test_a_form_that_breaks_off_does_nothing(root: str) -> None:
    """That it is no error is seen in the log at the end."""
    address = httpx2.URL(root)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\ncsrf=")
    with remote(root) as client:
        assert client.get("/login").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", ""])
def test_a_foreign_host_name_is_refused(root: str, host: str) -> None:
    with remote(root) as client:
        assert client.get("/login", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CONSOLE_HOST": "0.0.0.0"}, "CONSOLE_PASSWORD: is missing"),
        ({"CONSOLE_NAMES": "shop.example"}, "CONSOLE_PASSWORD: is missing"),
        ({"CONSOLE_PASSWORD": "short"}, "shorter than 8"),
        ({"CONSOLE_PORT": "99999"}, "CONSOLE_PORT"),
    ],
)
def test_a_console_that_others_reach_needs_a_password(given: dict[str, str], said: str) -> None:
    assert refusal(given, said) == 2


def test_a_port_that_is_taken_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal({"CONSOLE_PORT": str(port)}, f"can't listen on port {port}") == 1


def refusal(given: dict[str, str], said: str) -> int:
    """Run a console that does no more than say why it ends; return its exit code."""
    ran = bl2sm({**STARTING, **given}, "console")
    assert said in ran.err and ran.err.count("\n") == 1, ran.err
    return ran.code
