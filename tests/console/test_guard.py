"""Which names the console answers to, and what every answer forbids the browser."""

import re

import pytest
from starlette.testclient import TestClient

from console.guard import same_host
from tests.console.online import SECRETS
from tests.console.pages import PAGES

pytestmark = pytest.mark.filterwarnings("ignore:BASELINKER_REQUESTS_PER_MINUTE")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/orders", headers={"Host": host})
    assert answer.status_code == 400
    assert "CONSOLE_NAMES" in answer.text


def test_every_page_forbids_foreign_content_and_inline_scripts_and_shows_no_secret(client: TestClient) -> None:
    strange = ("/orders/99999999999999999999", f"/orders/{'9' * 5000}", "/%00")
    for path in (*PAGES, *strange, "/orders/747000001", "/orders/5/now", "/static/console.js"):
        answer = client.get(path)
        assert answer.status_code == 404 if path in strange else answer.status_code != 500, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not any(secret in answer.text for secret in SECRETS), path
        assert not re.search(
            r"<script(?! src=\"/static/)|<style|\sstyle=|\son\w+=|(?:src|href|action)=.https?:", answer.text
        ), path
        assert "Traceback" not in answer.text
        if not path.startswith("/static"):
            assert answer.headers["cache-control"] == "no-store"


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
