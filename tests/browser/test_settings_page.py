"""The settings in a browser: tried on the last orders, then in effect for the processors."""

from collections.abc import Iterator

import pytest

from sandbox.remote import fetch_state
from tests.browser.browsing import Tab
from tests.browser.scene import SECONDS, Scene, email_of
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def saving(shop: Scene) -> Iterator[None]:
    """Afterwards the environment's settings are in effect again."""
    yield
    shop.reset_settings()


@pytest.mark.usefixtures("saving")
def test_settings_are_tried_on_the_last_orders_and_change_what_processors_do(seen: Tab, shop: Scene) -> None:
    shop.sent_order()
    seen.go("/settings")
    seen.page.get_by_text("Jakie tagi dałyby Twoje źródła").click()
    seen.sees("BASELINKER_ALLEGRO_KONTO1")
    seen.page.get_by_label("Tag dla wszystkich").fill("Wiosna")
    seen.page.get_by_label("Nie wysyłaj zamówień z własnego sklepu").check()
    seen.press("Podgląd…")
    seen.sees("Z ostatnich zamówień")
    seen.page.locator("#work:not([hx-get])").wait_for()
    rows = seen.page.locator("#tried tr").all_inner_texts()
    queued = {entry.order_id for entry in shop.entries()}
    orders = [one for one in fetch_state(shop.base)["orders"] if one["order_id"] in queued]
    of_shop = sum(one["order_source"] == "shop" for one in orders)
    assert any(row.startswith(f"{of_shop}\t") and "z własnego sklepu" in row for row in rows), rows
    assert sum(int(row.split("\t")[0]) for row in rows) == len(orders)
    assert "WIOSNA" in seen.text() and "Tag dla wszystkich: Klient → Wiosna" in seen.text()
    save(seen, shop)
    seen.sees("Zapisano.")
    history = seen.page.inner_text("#history")
    assert "AK" in history and "Wiosna" in history
    assert "zapisane przez: AK" in seen.text()
    skipped, sent = shop.order(), shop.order("personal")
    shop.wait_for(sent)
    assert "WIOSNA" in shop.tags(email_of(sent))
    seen.go("/orders")
    seen.sees_in_time(str(skipped))
    seen.page.get_by_role("row", name=str(skipped)).get_by_text("zamówienie z własnego sklepu").wait_for()
    assert skipped not in shop.purchases()
    seen.go("/settings")
    seen.page.get_by_label("Nie wysyłaj zamówień z własnego sklepu").uncheck()
    seen.press("Podgląd…")
    seen.page.locator("#work:not([hx-get])").wait_for()
    save(seen, shop)
    shop.sent_order()


def save(seen: Tab, shop: Scene) -> None:
    """Save what was tried, and wait until the processors have taken it over."""
    before = shop.changed_settings()
    seen.press("Zapisz")
    wait_until(lambda: shop.changed_settings() > before, SECONDS, "the processors have taken it over")


def test_the_focus_stays_where_it_is_when_work_ends(seen: Tab, shop: Scene) -> None:
    seen.go("/settings")
    with shop.gate.held():
        seen.press("Podgląd…")
        seen.page.locator("#save", has_text="Zapisz dla wszystkich procesorów").focus()
    seen.page.locator("#work:not([hx-get])").wait_for()
    focused = seen.page.evaluate("() => [document.activeElement.id, document.activeElement.textContent]")
    assert focused == ["save", "Zapisz dla wszystkich procesorów"]
    shop.sent_order()  # one that the console has not read yet
    seen.go("/settings")
    with shop.gate.held():
        seen.press("Podgląd…")
        seen.page.locator("#stop").focus()
    seen.page.locator("#work:not([hx-get])").wait_for()
    assert seen.page.evaluate("() => document.activeElement.id") == "main", "its button is gone"
