"""What was typed stays where it can't be taken, with what is wrong beside it; secrets never do."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import operations.credentials
from console.again import MOST_IDS
from console.ids import read_id, read_ids
from operations.output import Refused
from tests.browser.indoors import Indoors, console, log_in, token

BACKFILL, REPLAY, ORDERS = "/again/backfill/preview", "/again/replay/preview", "/again/orders/preview"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Indoors, TestClient]]:
    monkeypatch.chdir(tmp_path)  # its `.env`
    with console() as (program, client):
        log_in(client)
        yield program, client


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("747000046 747000047", [747000046, 747000047]),
        ("747000046,747000047;747000046\n5", [747000046, 747000047, 5]),
        ("#747 000 046", [747000046]),
        ("747 000 046, 747\u00a0000\u00a0047", [747000046, 747000047]),
        ("1 747 000 046", [1747000046]),
        ("#747 123 456", [747123456]),
        ("747 123 456", [747, 123, 456]),  # three ids as well
        ("#5, 6", [5, 6]),
        ("747\t000", [747, "000"]),
        ("747 000 046 747 000 047", [747, "000", "046", "047"]),
        ("747000046 000", [747000046, "000"]),
        ("5, six", [5, "six"]),
        ("0", ["0"]),
        (" , ", []),
        ("9" * 19, ["9" * 19]),
    ],
)
def test_ids_are_read_as_people_type_them(text: str, found: list[int | str]) -> None:
    assert read_ids(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("#747 000 046", 747000046), ("747 123 456", 747123456), ("747000046 747000047", None), ("0", None), ("", None)],
)
def test_one_id_is_one_id(text: str, found: int | None) -> None:
    assert read_id(text) == found


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
    room: tuple[Indoors, TestClient], path: str, typed: dict[str, str], said: str, zone: str
) -> None:
    _, client = room
    answer = client.post(path, data={**typed, "zone": zone, "csrf": token(client, "/again")})
    form = answer.text.rpartition(f'action="{path}"')[2].partition("</form>")[0]
    told = form.partition('role="alert">')[2].partition("</p>")[0]
    assert answer.status_code == 400 and said in told and "--" not in told
    for name, value in typed.items():
        assert f'name="{name}" value="{value.replace("<", "&lt;").replace(">", "&gt;")}"' in form
    assert 'aria-invalid="true"' in form and re.search(r'aria-describedby="[\w-]+ (\w+-error)"', form) is not None


@pytest.mark.parametrize(("asked", "said"), [("Kowalska", "whole e-mail"), ("a" * 60 + "@b.pl", "at most 50")])
def test_a_search_keeps_what_was_asked(room: tuple[Indoors, TestClient], asked: str, said: str) -> None:
    _, client = room
    answer = client.post("/orders", data={"asked": asked, "csrf": token(client, "/again")})
    assert answer.status_code == 400 and said in answer.text and f'value="{asked}"' in answer.text
    found = client.post("/orders", data={"asked": "#747 000 046", "csrf": token(client, "/again")})
    assert found.headers["location"] == "/orders/747000046"


def test_a_reason_that_must_not_be_kept_can_be_mended(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    form = {"paused": "yes", "reason": "for anna@example.com", "csrf": token(client, "/again")}
    answer = client.post("/pause/preview", data=form)
    assert answer.status_code == 400 and 'value="for anna@example.com"' in answer.text
    assert 'action="/pause/preview"' in answer.text and "say it without" in answer.text


def test_keys_that_are_not_accepted_are_typed_again_and_the_rest_stays(
    room: tuple[Indoors, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, client = room
    given = {"SALESMANAGO_CLIENT_ID": "my-client", "SALESMANAGO_API_SECRET": "hidden-secret"}
    answer = client.post("/settings/credentials", data={**given, "csrf": token(client, "/again")})
    assert answer.status_code == 400 and "tried together. Still missing: SALESmanago API address" in answer.text
    assert 'value="my-client"' in answer.text and "hidden-secret" not in answer.text
    assert "type those you want to change again" in answer.text

    def refuse(*_: object) -> None:
        raise Refused("no")

    monkeypatch.setattr(operations.credentials, "attempt", refuse)
    sales = {"SALESMANAGO_API_URL": "https://a.example/api", "SALESMANAGO_OWNER": "o@example.com"}
    answer = client.post("/settings/credentials", data={**given, **sales, "csrf": token(client, "/again")})
    end = time.monotonic() + 10
    while "hx-get" in (page := client.get(answer.headers["location"]).text):
        assert time.monotonic() < end
    back = re.search(r'href="(/settings/credentials\?work=[^"]+)"', page)
    assert back is not None
    again = client.get(back[1]).text
    assert 'value="my-client"' in again and 'value="o@example.com"' in again and "hidden-secret" not in again
    another = program.sessions.begin(time.monotonic(), logged_in=True)
    other = client.get(back[1], headers={"Cookie": f"bl2sm_session={another.id}"}).text
    assert "my-client" not in other


def test_settings_that_are_wrong_stay_in_the_form(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    form = {
        "contact_tag": "Wiosna",
        "location": "no shop!",
        "tag_order_source": "both",
        "skip_shop_orders": "true",
    }
    answer = client.post("/settings/preview", data={**form, "csrf": token(client, "/again")})
    assert answer.status_code == 400 and "SALESMANAGO_LOCATION" in answer.text
    assert 'value="Wiosna"' in answer.text and 'value="no shop!"' in answer.text
    assert re.search(r'value="both" checked', answer.text) and re.search(r'value="true" checked', answer.text)
    held = client.get("/settings").text
    assert 'value="Wiosna"' not in held and 'value="none" checked' in held


def test_the_present_moment_is_no_future(room: tuple[Indoors, TestClient]) -> None:
    _, client = room
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    answer = client.post(BACKFILL, data={"since": "2026-01-01", "until": now, "csrf": token(client, "/again")})
    assert answer.status_code == 303
