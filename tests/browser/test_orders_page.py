"""The search and an order's page in a browser."""

import pytest

from tests.browser.browsing import Tab
from tests.browser.scene import SCRIPT, SECONDS, Scene, email_of

pytestmark = pytest.mark.browser


def test_an_order_is_found_by_id_and_by_email_and_its_story_is_told(seen: Tab, shop: Scene) -> None:
    number = shop.sent_order()
    seen.go("/orders")
    seen.page.get_by_label("Numer zamówienia lub e-mail kupującego").fill(email_of(number))
    seen.press("Szukaj")
    seen.sees(f"Zamówienie {number}")
    assert "example.com" not in seen.page.url
    seen.sees_in_time("Wysłane do SALESmanago")  # the purchase is there before its row is
    seen.sees("Co trafia do SALESmanago")
    told = seen.text()
    assert "Wysłane do SALESmanago" in told and "Złożono zamówienie" in told and "utworzono zakup" in told
    assert email_of(number) not in told
    seen.page.get_by_role("button", name="Pokaż dane osobowe").click()
    seen.sees(email_of(number))
    seen.go("/orders")
    seen.page.get_by_label("Numer zamówienia lub e-mail kupującego").fill("123456")
    seen.press("Szukaj")
    seen.sees("Program nigdy nie widział tego zamówienia")
    seen.sees("BaseLinker nie zna tego zamówienia")
    seen.go("/orders")
    seen.page.get_by_label("Numer zamówienia lub e-mail kupującego").fill("Kowalska")
    seen.press("Szukaj")
    seen.sees("Podaj numer zamówienia")


def test_a_link_from_another_site_keeps_one_logged_in(seen: Tab, shop: Scene) -> None:
    seen.page.goto(f"{shop.root.replace('127.0.0.1', 'localhost')}/login")  # another site to the browser
    follow = "url => { const link = document.createElement('a'); link.href = url;"
    follow += " document.body.append(link); link.click(); }"
    seen.page.evaluate(follow, f"{shop.root}/orders/{shop.hostile}")
    seen.sees(f"Zamówienie {shop.hostile}")
    seen.go("/")
    seen.sees("Co stało się z zamówieniami")


def test_hostile_order_data_are_shown_inert(seen: Tab, shop: Scene) -> None:
    seen.go(f"/orders/{shop.hostile}")
    seen.page.get_by_role("button", name="Pokaż dane osobowe").click()
    seen.sees("onerror=alert(1)")
    assert SCRIPT.replace('"', '\\"') in seen.page.inner_text("#payload").replace("\n", "")
    assert seen.page.locator("#payload script, #payload img").count() == 0


def test_pages_work_by_keyboard_alone(seen: Tab, shop: Scene) -> None:
    seen.go("/orders")
    for _ in range(30):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("() => document.activeElement.id") == "asked":
            break
    outline = seen.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    seen.page.keyboard.type(str(shop.hostile))
    seen.page.keyboard.press("Enter")
    seen.sees(f"Zamówienie {shop.hostile}")


def test_an_unreachable_baselinker_is_reported_where_it_is_needed_and_nowhere_else(seen: Tab, shop: Scene) -> None:
    number = shop.sent_order()  # one that the console has not read yet
    with shop.gate.closed():
        seen.go(f"/orders/{number}")
        assert "Co się działo" in seen.text()
        seen.sees("BaseLinker teraz nie odpowiada albo prosi, żeby poczekać", SECONDS)
        seen.go("/")
        seen.sees("Co stało się z zamówieniami")
