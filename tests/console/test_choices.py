"""Settings: what is wrong stays in the form, a change is its saver's, and a form that comes twice does no harm."""

import re
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from clients import Catalog
from console import choices
from console.choices import Tried
from console.program import Program
from console.visit import TEMPLATES
from console.words import Words
from operations.live_settings import Current, differences
from operations.output import Refused
from operations.settings_rows import Change, Difference
from schemas.records import ShopSettings
from tests.console.clients import browser, ended, log_in, token
from tests.console.offline import Offline

pytestmark = pytest.mark.filterwarnings("ignore:BASELINKER_REQUESTS_PER_MINUTE")

Console = tuple[Offline, TestClient]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_settings_that_are_wrong_stay_in_the_form(offline: Console) -> None:
    _, client = offline
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


def test_the_preview_of_settings_shows_a_value_as_it_was_typed() -> None:
    change = Difference("CONTACT_TAG", "<script>", "A & B's")
    page = TEMPLATES.from_string(
        '{% from "parts/told.html" import value with context %}'
        '{{ t("settings.before_after", before=value(one.name, one.before), after=value(one.name, one.after)) }}'
    ).render(t=Words("pl"), one=change)
    assert page == "&lt;script&gt; → A &amp; B&#39;s"


def test_a_change_of_settings_bears_the_name_of_who_saved_it(online: Program, client: TestClient) -> None:
    form = {"location": "shop_1", "contact_tag": "A & B's <b>", "tag_order_source": "none"}
    asked = {**form, "csrf": token(client, "/settings")}
    work = client.post("/settings/preview", data=asked).headers["location"]
    assert "A &amp; B&#39;s &lt;b&gt;" in ended(client, work)
    with browser(online) as other:
        log_in(other, name="BN")
        saved = other.post("/settings", data={"csrf": token(other, "/settings"), "work": work.rpartition("/")[2]})
        assert saved.status_code == 303
        history = other.get("/settings").text.partition('id="history"')[2]
    assert "<td>BN</td>" in history and "<td>AK</td>" not in history


@pytest.mark.parametrize("field", ["location", "location_other"])
def test_an_e_shop_that_is_no_product_catalogue_is_tried_with_a_remark(
    online: Program, client: TestClient, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setattr(online, "shops", lambda: [Catalog("1", "Shop", "listed_1", "PLN", True)])
    asked = {"location": "listed_1", "tag_order_source": "none", "csrf": token(client, "/settings")}
    remark = "not one of the product catalogues in SALESmanago (1). That is fine if this e-shop is an XML feed."
    for place, said in (("feed_1", True), ("listed_1", False)):
        answer = client.post("/settings/preview", data={**asked, field: place})
        assert answer.status_code == 303
        page = ended(client, answer.headers["location"])
        assert f"→ {place}" in page and (remark in page) is said


def test_settings_saved_twice_are_saved_already(offline: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Refused("the settings were changed meanwhile")

    monkeypatch.setattr(choices, "save_rules", refuse)
    program, client = offline
    rules = ShopSettings("Klient", "shop_1", "none", False, "AK", NOW)
    changed = Change(7, "rules", "AK", NOW, (), rules)
    program.held = Current(rules=rules, history=(changed,), last=7)
    tried = Tried(rules, rules, 6, differences(program.settings, Current(), rules))
    work = program.works.start("preview", "session", tried, lambda _: tried)
    form = {"csrf": token(client, "/again"), "work": work.id}
    assert client.post("/settings", data=form).headers["location"] == "/settings"
    program.held = Current(rules=ShopSettings("VIP", None, None, None, "BN", NOW), history=(changed,), last=7)
    assert client.post("/settings", data=form).status_code == 409
