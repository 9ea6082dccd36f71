"""A form that is sent twice, or after somebody else's change."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console import choices, pause
from console.again import OrdersPreview
from console.choices import Tried
from operations.cost import Cost
from operations.live_settings import Current, differences
from operations.output import Refused
from operations.replay import OrderPlan
from operations.settings_rows import Change
from schemas.records import ShopSettings, Switch
from tests.browser.indoors import Indoors, console, log_in, token
from tests.harness.waiting import wait_until

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Indoors, TestClient]]:
    """Somebody is logged in, and every save is refused: the preview is older than the newest row."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("the settings were changed meanwhile")

    monkeypatch.setattr(pause, "save_switch", refuse)
    monkeypatch.setattr(choices, "save_rules", refuse)
    with console() as (program, client):
        log_in(client)
        yield program, client


def paused(by: str = "AK", paused: bool = True) -> Current:
    switch = Switch(paused, "", by, NOW)
    return Current(switch=switch, history=(Change(7, "switch", by, NOW, (), switch),), last=7)


@pytest.mark.parametrize(("yes", "said"), [("yes", "sending is paused"), ("no", "sending goes on")])
def test_a_pause_sent_twice_is_done_already(room: tuple[Indoors, TestClient], yes: str, said: str) -> None:
    program, client = room
    program.held = paused(paused=yes == "yes")
    form = {"csrf": token(client, "/again"), "paused": yes, "last": "6"}
    assert client.post("/pause", data=form).headers["location"] == "/"
    assert f"Done already: {said}." in client.get("/").text


def test_a_pause_that_somebody_elses_change_overtook_is_told_in_the_readers_words(
    room: tuple[Indoors, TestClient],
) -> None:
    program, client = room
    program.held = paused(by="BN", paused=False)
    client.cookies["bl2sm_language"] = "pl"
    form = {"csrf": token(client, "/again"), "paused": "yes", "last": "6"}
    answer = client.post("/pause", data=form)
    assert answer.status_code == 409
    assert (
        "ktoś (BN) zmienił coś w międzyczasie, 2026-11-20 12:00:00 UTC" in answer.text
        and "meanwhile" not in answer.text
    )
    program.held = Current(last=6)  # refused for another reason: that one is told
    assert "changed meanwhile" in client.post("/pause", data=form).text


def test_settings_saved_twice_are_saved_already(room: tuple[Indoors, TestClient]) -> None:
    program, client = room
    rules = ShopSettings("Klient", "shop_1", "none", False, "AK", NOW)
    changed = Change(7, "rules", "AK", NOW, (), rules)
    program.held = Current(rules=rules, history=(changed,), last=7)
    tried = Tried(rules, rules, 6, differences(program.settings, Current(), rules))
    work = program.works.start("preview", "session", tried, lambda _: tried)
    form = {"csrf": token(client, "/again"), "work": work.id}
    assert client.post("/settings", data=form).headers["location"] == "/settings"
    program.held = Current(rules=ShopSettings("VIP", None, None, None, "BN", NOW), history=(changed,), last=7)
    assert client.post("/settings", data=form).status_code == 409


def test_a_preview_is_begun_once_however_often_its_button_comes(room: tuple[Indoors, TestClient]) -> None:
    program, client = room
    shown = OrdersPreview([OrderPlan(747000046, "no row yet", None)], Cost(1, 1.0, at_most=True))
    work = program.works.start("plan_orders", "session", [747000046], lambda _: shown)
    wait_until(lambda: work.state == "done", 30, "the preview is done")
    form = {"csrf": token(client, "/again"), "work": work.id}
    assert 'id="do"' in client.get(f"/running/{work.id}").text
    with capture_logs() as said:
        begun = program.works.find(client.post("/again/orders", data=form).headers["location"].split("/")[-1])
        again = client.post("/again/orders", data=form)
        assert begun is not None
        wait_until(lambda: begun.state == "failed", 30, "it has failed: there is no Kafka here")
    signed = [(line["event"].split()[0], line["what"]) for line in said if "by" in line]
    assert signed == [("started", "again/orders"), ("failed", "again/orders")]  # who did what stands in the log
    assert again.status_code == 409 and "not begun a second time" in again.text
    back = client.get(f"/running/{work.id}").text
    assert 'id="do"' not in back and "This was begun already" in back
