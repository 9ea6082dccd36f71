"""The overview in a browser: it is live, it pauses and resumes, and a hidden tab keeps no connection."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route

from tests.browser.browsing import Tab, tab
from tests.browser.scene import SECONDS, Scene
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.browser

HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture
def pausing(shop: Scene) -> Iterator[None]:
    """Afterwards orders are sent again."""
    yield
    shop.resume()


def test_the_overview_is_live_and_speaks_both_languages(seen: Tab, shop: Scene) -> None:
    shop.refused_order()
    seen.go("/")
    seen.sees("wymaga uwagi", SECONDS)
    sent = int(seen.page.inner_text("#sent-day"))
    seen.page.locator("#to-failed").focus()
    shop.order()
    seen.page.wait_for_function(f"() => Number(document.querySelector('#sent-day').textContent) > {sent}")
    assert seen.page.evaluate("() => document.activeElement.id") == "to-failed"
    seen.press("English")
    seen.sees("What became of the orders")
    seen.go("/orders")
    assert "Where is my order?" in seen.text()
    seen.press("Polski")
    seen.sees("Gdzie jest moje zamówienie?")


def test_another_language_keeps_a_preview_and_its_address_leads_to_its_page(seen: Tab) -> None:
    seen.go_to_overview()
    seen.page.get_by_label("Powód").fill("nowy cennik")
    seen.press("Wstrzymaj wysyłanie")
    seen.sees("Wstrzymać wysyłanie?")
    seen.press("English")
    seen.sees("Pause sending?")
    assert seen.page.locator("main [name=reason]").input_value() == "nowy cennik"
    seen.press("Polski")
    seen.sees("Wstrzymać wysyłanie?")
    seen.page.goto(seen.page.url)
    seen.sees("Co stało się z zamówieniami")


def test_a_reason_typed_before_the_first_news_stays(seen: Tab) -> None:
    held = list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    seen.page.route("**/live", hold)
    seen.go("/")
    seen.wait_for(lambda: bool(held), "the page asks for news")
    seen.page.get_by_label("Powód").fill("nowy cennik")
    held[0].continue_()
    seen.page.locator("html[data-pausing]").wait_for()
    assert seen.page.get_by_label("Powód").input_value() == "nowy cennik"


def test_a_hidden_tab_keeps_no_connection(seen: Tab, shop: Scene) -> None:
    begun, over = list[str](), list[str]()
    seen.page.on("request", lambda request: begun.append(request.url) if request.url.endswith("/live") else None)
    seen.page.on("requestfailed", lambda request: over.append(request.url) if request.url.endswith("/live") else None)
    seen.go("/")
    seen.wait_for(lambda: len(begun) == 1, "the tab listens")
    seen.page.evaluate(HIDE, True)
    seen.wait_for(lambda: len(over) == 1, "it has stopped listening")
    sent = int(seen.page.inner_text("#sent-day"))
    shop.sent_order()
    seen.page.evaluate(HIDE, False)
    seen.page.wait_for_function(f"() => Number(document.querySelector('#sent-day').textContent) > {sent}")
    assert len(begun) == 2


@pytest.mark.usefixtures("pausing")
def test_pausing_holds_orders_back_until_resumed(seen: Tab, shop: Scene) -> None:
    paused = shop.programs.logged("paused")
    other = tab(seen.page.context, shop.root)
    other.go("/")
    seen.go_to_overview()
    seen.page.get_by_label("Powód").fill("nowy cennik")
    seen.press("Wstrzymaj wysyłanie")
    seen.press("Wstrzymaj teraz")
    seen.sees("Wysyłanie jest wstrzymane")
    assert "nowy cennik" in seen.text()
    other.sees("Wstrzymane przez: AK")
    other.page.close()
    wait_until(lambda: shop.programs.logged("paused") > paused, SECONDS, "the processor has heard of it")
    number = shop.order()
    seen.page.wait_for_function("() => Number(document.querySelector('#waiting').textContent) > 0")
    assert number not in shop.purchases()
    seen.press("Wznów wysyłanie")
    seen.press("Wznów teraz")
    shop.wait_for(number)
