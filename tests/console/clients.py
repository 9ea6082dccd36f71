"""Browsers without a browser: who they are, the forms they send, and the work they wait for."""

import re

import httpx2
from starlette.testclient import TestClient

from console.app import make_app
from console.program import Program
from tests.harness.waiting import wait_until

PASSWORD = "a long password 1"
ENGLISH = {"Accept-Language": "en"}


def browser(program: Program) -> TestClient:
    """A stranger to a console in this process, who reads English and follows no redirect."""
    return TestClient(make_app(program), base_url="http://127.0.0.1", follow_redirects=False, headers=ENGLISH)


def remote(root: str) -> httpx2.Client:
    """The same for a console that is a process."""
    return httpx2.Client(base_url=root, headers=ENGLISH, timeout=60, trust_env=False)


def token_in(page: str) -> str:
    """The form's token on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def token(client: httpx2.Client, path: str = "/login") -> str:
    """The same, of a page that is opened for it."""
    return token_in(client.get(path).text)


def try_login(client: httpx2.Client, password: str = PASSWORD, **more: str) -> httpx2.Response:
    """Give a password; return the answer."""
    return client.post("/login", data={"csrf": token(client), "password": password, "name": "AK", **more})


def log_in(client: httpx2.Client, **more: str) -> str:
    """Log in; return where it leads."""
    answer = try_login(client, **more)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def ended(client: httpx2.Client, work: str) -> str:
    """A piece of work's page, once it is not running any more."""
    wait_until(lambda: "hx-get" not in client.get(work).text, 120, f"{work} has ended")
    return client.get(work).text
