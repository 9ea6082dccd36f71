"""Sending again: previews, what they refuse, and what was typed stays with what is wrong beside it."""

import re
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console.again import MOST_IDS, OrdersPreview
from operations.cost import Cost
from operations.replay import OrderPlan
from tests.console.clients import ended, token
from tests.console.offline import Offline
from tests.harness.waiting import wait_until

Console = tuple[Offline, TestClient]
BACKFILL, REPLAY, ORDERS = "/again/backfill/preview", "/again/replay/preview", "/again/orders/preview"


@pytest.mark.parametrize(
    ("path", "typed", "said"),
    [
        (ORDERS, {"orders": ",".join(map(str, range(1, MOST_IDS + 2)))}, "These are 501 order ids; give at most 500"),
        (ORDERS, {"orders": "5, <six>"}, "“&lt;six&gt;” is no order id"),
        (ORDERS, {"orders": ""}, "Give order ids"),
        (BACKFILL, {"since": "0001-01-01T00:00", "until": "2026-11-01T00:00"}, "too long ago: give a date from 2005"),
        (BACKFILL, {"since": "9999-12-31T23:59"}, "lies in the future"),
        (BACKFILL, {"since": "2026-01-02T00:00", "until": "2026-01-01T00:00"}, "The end must be later"),
        (BACKFILL, {"since": "", "until": "2026-01-01T00:00"}, "Give a date and time"),
        (REPLAY, {"from_time": "0001-01-01T00:00"}, "too long ago"),
        (REPLAY, {"from_time": "9999-12-31T23:59"}, "lies in the future"),
        (REPLAY, {"from_time": "soon"}, "Give a date and time"),
        (REPLAY, {"from_time": "2026-01-01T00:00", "from_offset": "7"}, "one of them"),
        (REPLAY, {"from_offset": "seven"}, "Give one number for the whole queue"),
        (REPLAY, {"from_offset": "0:5,0:6"}, "each once"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/New_York"])
def test_what_was_typed_stays_with_what_is_wrong_beside_it(
    offline: Console, path: str, typed: dict[str, str], said: str, zone: str
) -> None:
    _, client = offline
    answer = client.post(path, data={**typed, "zone": zone, "csrf": token(client, "/again")})
    form = answer.text.rpartition(f'action="{path}"')[2].partition("</form>")[0]
    told = form.partition('role="alert">')[2].partition("</p>")[0]
    assert answer.status_code == 400 and said in told and "--" not in told
    for name, value in typed.items():
        assert f'name="{name}" value="{value.replace("<", "&lt;").replace(">", "&gt;")}"' in form
    assert 'aria-invalid="true"' in form and re.search(r'aria-describedby="[\w-]+ (\w+-error)"', form) is not None


def test_the_present_moment_is_not_in_the_future(offline: Console) -> None:
    _, client = offline
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    answer = client.post(BACKFILL, data={"since": "2026-01-01", "until": now, "csrf": token(client, "/again")})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_offset": "999999"}, "The queue has no such place. Its partitions end at 0:0, 1:0"),
        ({"from_offset": "77:0"}, "The queue has no such place"),
    ],
)
def test_why_there_is_no_preview_is_said_on_its_page(client: TestClient, given: dict[str, str], said: str) -> None:
    csrf = token(client, "/again")
    work = client.post(REPLAY, data={**given, "csrf": csrf}).headers["location"]
    page = ended(client, work)
    assert said in page and "It stopped with an error:" in page
    refused = client.post("/again/replay", data={"work": work.rpartition("/")[2], "csrf": csrf})
    assert "The preview is not complete" in refused.text


def test_a_preview_is_begun_once_however_often_its_button_is_pressed(offline: Console) -> None:
    program, client = offline
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
