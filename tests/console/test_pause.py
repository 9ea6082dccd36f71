"""Pausing: a form that is sent twice, or after somebody else's change, and a reason that must not be kept."""

from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from console import pause
from operations.live_settings import Current
from operations.output import Refused
from operations.settings_rows import Change
from schemas.records import Switch
from tests.console.clients import token
from tests.console.offline import Offline

Console = tuple[Offline, TestClient]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def overtaken(offline: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Every save is refused: the preview is older than the newest row."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("the settings were changed meanwhile")

    monkeypatch.setattr(pause, "save_switch", refuse)
    return offline


def paused(by: str = "AK", paused: bool = True) -> Current:
    switch = Switch(paused, "", by, NOW)
    return Current(switch=switch, history=(Change(7, "switch", by, NOW, (), switch),), last=7)


@pytest.mark.parametrize(("yes", "said"), [("yes", "sending is paused"), ("no", "sending goes on")])
def test_a_pause_sent_twice_is_done_already(overtaken: Console, yes: str, said: str) -> None:
    program, client = overtaken
    program.held = paused(paused=yes == "yes")
    form = {"csrf": token(client, "/again"), "paused": yes, "last": "6"}
    assert client.post("/pause", data=form).headers["location"] == "/"
    assert f"Done already: {said}." in client.get("/").text


def test_a_pause_after_somebody_elses_change_is_refused_in_the_readers_language(overtaken: Console) -> None:
    program, client = overtaken
    program.held = paused(by="BN", paused=False)
    client.cookies["bl2sm_language"] = "pl"
    form = {"csrf": token(client, "/again"), "paused": "yes", "last": "6"}
    answer = client.post("/pause", data=form)
    assert answer.status_code == 409
    assert (
        "ktoś (BN) zmienił coś w międzyczasie, 2026-11-20 12:00:00 UTC" in answer.text
        and "meanwhile" not in answer.text
    )
    program.held = Current(last=6)  # refused for another reason: that one is shown
    assert "changed meanwhile" in client.post("/pause", data=form).text


def test_a_reason_that_must_not_be_kept_can_be_corrected(offline: Console) -> None:
    _, client = offline
    form = {"paused": "yes", "reason": "for anna@example.com", "csrf": token(client, "/again")}
    answer = client.post("/pause/preview", data=form)
    assert answer.status_code == 400 and 'value="for anna@example.com"' in answer.text
    assert 'action="/pause/preview"' in answer.text and "say it without" in answer.text
