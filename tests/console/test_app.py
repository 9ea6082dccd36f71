"""Addresses of actions that are opened as if they were pages."""

import pytest
from starlette.testclient import TestClient

from console.paths import page_of
from tests.console.offline import Offline
from tests.console.pages import ACTIONS


@pytest.mark.parametrize("path", ACTIONS)
def test_following_a_link_changes_nothing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, page_of(path))
    assert answer.headers["location"] not in ACTIONS and "Pause sending" in client.get("/").text


def test_an_actions_address_leads_to_its_page(offline: tuple[Offline, TestClient]) -> None:
    _, client = offline
    for path, page in (("/failed/preview", "/failed"), ("/pause", "/"), ("/again/backfill", "/again")):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert client.get("/nowhere").status_code == 404
