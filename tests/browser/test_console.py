"""The console in a browser, every page and every action to its effect on real processes."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext

from sandbox.remote import fetch_state
from tests.browser.browsing import Tab, chromium, console, tab
from tests.browser.scene import PASSWORD, SCRIPT, Scene, scene
from tests.harness.stand_ins import ask_sandbox, switch
from tests.harness.topics import committed_offsets
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.browser


PAGES = ("/", "/orders", "/failed", "/again", "/settings", "/settings/credentials")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def shop(kafka: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(kafka, f"t{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("scene")) as found:
        yield found


@pytest.fixture(scope="module")
def polish(browser: Browser, shop: Scene) -> Iterator[BrowserContext]:
    """Somebody who is logged in, with a Polish browser."""
    with browser.new_context(locale="pl-PL", viewport={"width": 1000, "height": 800}) as context:
        opened = tab(context, shop.root)
        opened.go("/")
        opened.page.get_by_label("Kim jesteś?").fill("AK")
        opened.page.get_by_label("Hasło").fill("wrong password")
        opened.press("Zaloguj się")
        opened.sees("Hasło jest nieprawidłowe")
        opened.page.get_by_label("Hasło").fill(PASSWORD)
        opened.press("Zaloguj się")
        opened.sees("Co stało się z zamówieniami")
        opened.page.close()
        yield context


@pytest.fixture
def seen(polish: BrowserContext, shop: Scene) -> Iterator[Tab]:
    opened = tab(polish, shop.root)
    try:
        yield opened
        assert opened.complaints == []
    finally:
        opened.page.close()


def test_the_overview_is_live_and_speaks_both_languages(seen: Tab, shop: Scene) -> None:
    seen.go("/")
    seen.sees("wymaga uwagi")  # two orders were refused
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


def test_an_order_is_found_by_id_and_by_email_and_its_story_is_told(seen: Tab, shop: Scene) -> None:
    number = shop.order()
    wait_until(lambda: number in shop.purchases(), 30, "it is sent")
    seen.go("/orders")
    seen.page.get_by_label("Numer zamówienia lub e-mail kupującego").fill(f"nowy{number}@example.com")
    seen.press("Szukaj")
    seen.sees(f"Zamówienie {number}")
    assert "example.com" not in seen.page.url
    seen.sees_in_time("Wysłane do SALESmanago")  # the purchase is there before its row is
    seen.sees("Co trafia do SALESmanago")
    told = seen.text()
    assert "Wysłane do SALESmanago" in told and "Złożono zamówienie" in told and "utworzono zakup" in told
    assert f"nowy{number}@example.com" not in told
    seen.page.get_by_role("button", name="Pokaż dane osobowe").click()
    seen.sees(f"nowy{number}@example.com")
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


def test_another_language_keeps_a_preview_and_its_address_leads_to_its_page(seen: Tab, shop: Scene) -> None:
    seen.go("/")
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


def test_hostile_order_data_are_shown_inert(seen: Tab, shop: Scene) -> None:
    seen.go(f"/orders/{shop.hostile}")
    seen.page.get_by_role("button", name="Pokaż dane osobowe").click()
    seen.sees("onerror=alert(1)")
    assert SCRIPT.replace('"', '\\"') in seen.page.inner_text("#payload").replace("\n", "")
    assert seen.page.locator("#payload script, #payload img").count() == 0


def test_settings_are_tried_on_the_last_orders_and_change_what_processors_do(seen: Tab, shop: Scene) -> None:
    before = shop.order()
    wait_until(lambda: before in shop.purchases(), 30, "a shop order is sent")
    seen.go("/settings")
    seen.page.get_by_text("Jakie tagi dałyby Twoje źródła").click()
    seen.sees("BASELINKER_ALLEGRO_KONTO1")
    seen.page.get_by_label("Tag dla wszystkich").fill("Wiosna")
    seen.page.get_by_label("Nie wysyłaj zamówień z własnego sklepu").check()
    seen.press("Podgląd…")
    seen.sees("Z ostatnich zamówień")
    seen.page.locator("#work:not([hx-get])").wait_for()
    rows = seen.page.locator("#tried tr").all_inner_texts()
    journal = {log["order_id"] for log in fetch_state(shop.base)["logs"]} - set(shop.missing)
    orders = [one for one in fetch_state(shop.base)["orders"] if one["order_id"] in journal]
    of_shop = sum(one["order_source"] == "shop" for one in orders)
    assert any(row.startswith(f"{of_shop}\t") and "z własnego sklepu" in row for row in rows), rows
    assert sum(int(row.split("\t")[0]) for row in rows) == len(orders)
    assert "WIOSNA" in seen.text() and "Tag dla wszystkich: Klient → Wiosna" in seen.text()
    seen.press("Zapisz")
    seen.sees("Zapisano.")
    history = seen.page.inner_text("#history")
    assert "AK" in history and "Wiosna" in history
    assert "zapisane przez: AK" in seen.text()
    skipped, sent = shop.order(), shop.order("personal")
    wait_until(lambda: sent in shop.purchases(), 30, "an order by phone is sent")
    assert "WIOSNA" in shop.tags(f"nowy{sent}@example.com")
    seen.go("/orders")
    seen.page.get_by_role("row", name=str(skipped)).get_by_text("zamówienie z własnego sklepu").wait_for()
    assert skipped not in shop.purchases()
    seen.go("/settings")
    seen.page.get_by_label("Nie wysyłaj zamówień z własnego sklepu").uncheck()
    seen.press("Podgląd…")
    seen.page.locator("#work:not([hx-get])").wait_for()
    seen.press("Zapisz")
    again = shop.order()
    wait_until(lambda: again in shop.purchases(), 30, "shop orders are sent again")


def test_dead_letters_are_tried_again_or_dropped_after_a_preview(seen: Tab, shop: Scene) -> None:
    mended, dropped = shop.refused
    switch(shop.sales, reject_emails=[])
    seen.go("/failed")
    assert "SALESmanago odmówiło przyjęcia" in seen.text() and "brak adresu e-mail" in seen.text()
    seen.press("Ponów wybrane")
    seen.sees("Wybierz co najmniej jedno")
    for box in seen.page.get_by_label(f"Wybierz zamówienie {mended}").all():
        box.check()
    seen.press("Ponów wybrane")
    seen.sees("Ponowić próbę?")
    assert "zapytanie do BaseLinkera" in seen.text()
    assert mended not in shop.purchases()
    seen.press("Ponów teraz")
    seen.sees("Wróciło do kolejki")
    wait_until(lambda: mended in shop.purchases(), 30, "the refused order is sent")
    seen.page.get_by_label("Wszystkie").check()
    seen.press("Odrzuć wybrane")
    seen.press("Odrzuć teraz")
    seen.sees("Nie ma nieudanych zamówień")
    assert dropped not in shop.purchases()


def test_missing_orders_are_brought_by_date_and_single_ones_sent_again(seen: Tab, shop: Scene) -> None:
    assert not set(shop.missing) & set(shop.purchases())
    seen.go("/again")
    seen.page.get_by_label("Od", exact=True).fill("2026-01-01T00:00")
    seen.page.locator("form[action='/again/backfill/preview'] button").click()
    seen.sees("Podgląd: jeszcze nic się nie stało")
    assert not set(shop.missing) & set(shop.purchases())
    seen.press("Rozpocznij teraz")
    seen.sees("Do kolejki trafiło")
    wait_until(lambda: set(shop.missing) <= set(shop.purchases()), 30, "what the journal never named is sent")
    number = shop.missing[0]
    seen.go(f"/orders/{number}")
    seen.press("Wyślij ponownie według dzisiejszych reguł")
    seen.sees("Ponownie według dzisiejszych reguł")
    assert number not in shop.updates()
    assert "najwyżej 1 zapytanie do BaseLinkera" in seen.text()
    seen.press("Rozpocznij teraz")
    wait_until(lambda: number in shop.updates(), 30, "its purchase is updated")
    purchases = shop.purchases()
    assert len(purchases) == len(set(purchases))


def test_a_backfill_is_stopped_where_it_stands_and_says_so(seen: Tab, shop: Scene) -> None:
    seen.go("/again")
    seen.page.get_by_label("Od", exact=True).fill("2026-01-01T00:00")
    seen.page.locator("form[action='/again/backfill/preview'] button").click()
    seen.sees("Podgląd: jeszcze nic się nie stało")
    assert "zapytań do BaseLinkera" in seen.text() or "zapytania do BaseLinkera" in seen.text()
    assert "na pracę procesorów" in seen.text()
    switch(shop.base, faults=[{"kind": "slow", "where": "getOrders", "seconds": 4.0}])
    seen.press("Rozpocznij teraz")
    stop = seen.page.locator("#stop")
    stop.evaluate("button => { button.dataset.same = 'yes'; button.focus(); }")
    seen.page.wait_for_timeout(1600)  # three times the page has asked for what changes
    assert seen.page.evaluate("() => [document.activeElement.id, document.activeElement.dataset.same]") == [
        "stop",
        "yes",
    ]
    seen.page.keyboard.press("Enter")
    seen.sees("Zatrzymano po")
    switch(shop.base, faults=[])
    assert seen.page.get_by_role("button", name="Zatrzymaj").count() == 0


def test_a_preview_is_stopped_and_has_changed_nothing(seen: Tab, shop: Scene) -> None:
    seen.go("/again")
    seen.page.get_by_label("Od", exact=True).fill("2026-01-01T00:00")
    switch(shop.base, faults=[{"kind": "slow", "where": "getOrders", "seconds": 3.0}])
    seen.page.locator("form[action='/again/backfill/preview'] button").click()
    seen.press("Zatrzymaj")
    seen.sees("Nic się nie zmieniło")
    switch(shop.base, faults=[])
    assert seen.page.get_by_role("button", name="Rozpocznij teraz").count() == 0
    seen.page.get_by_role("link", name="Wróć").click()
    seen.sees("Wyślij zamówienia ponownie")


def test_the_focus_stays_where_it_is_when_work_ends(seen: Tab, shop: Scene) -> None:
    seen.go("/settings")
    switch(shop.base, faults=[{"kind": "slow", "where": "getOrders", "seconds": 3.0}])
    seen.press("Podgląd…")
    seen.page.locator("#save", has_text="Zapisz dla wszystkich procesorów").focus()
    switch(shop.base, faults=[])
    seen.page.locator("#work:not([hx-get])").wait_for()
    focused = seen.page.evaluate("() => [document.activeElement.id, document.activeElement.textContent]")
    assert focused == ["save", "Zapisz dla wszystkich procesorów"]
    seen.go("/settings")
    switch(shop.base, faults=[{"kind": "slow", "where": "getOrders", "seconds": 3.0}])
    seen.press("Podgląd…")
    seen.page.locator("#stop").focus()
    switch(shop.base, faults=[])
    seen.page.locator("#work:not([hx-get])").wait_for()
    assert seen.page.evaluate("() => document.activeElement.id") == "main", "its button is gone"


def test_a_tab_that_nobody_sees_keeps_no_connection(seen: Tab, shop: Scene) -> None:
    begun, over = [], []
    seen.page.on("request", lambda request: begun.append(request.url) if request.url.endswith("/live") else None)
    seen.page.on("requestfailed", lambda request: over.append(request.url) if request.url.endswith("/live") else None)
    seen.go("/")
    wait_for(seen, lambda: len(begun) == 1)
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    seen.page.evaluate(hide, True)
    wait_for(seen, lambda: len(over) == 1)
    sent = int(seen.page.inner_text("#sent-day"))
    number = shop.order()
    wait_until(lambda: number in shop.purchases(), 30, "it is sent")
    seen.page.evaluate(hide, False)
    seen.page.wait_for_function(f"() => Number(document.querySelector('#sent-day').textContent) > {sent}")
    assert len(begun) == 2


def wait_for(seen: Tab, true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Let the browser's events come in until something is so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        seen.page.wait_for_timeout(100)


def test_pausing_holds_orders_back_until_resumed(seen: Tab, shop: Scene) -> None:
    other = tab(seen.page.context, shop.root)
    other.go("/")
    seen.go("/")
    seen.page.get_by_label("Powód").fill("nowy cennik")
    seen.press("Wstrzymaj wysyłanie")
    seen.press("Wstrzymaj teraz")
    seen.sees("Wysyłanie jest wstrzymane")
    assert "nowy cennik" in seen.text()
    other.sees("Wstrzymane przez: AK")
    other.page.close()
    wait_until(lambda: shop.programs.logged("paused"), 30, "the processor has heard of it")
    number = shop.order()
    seen.page.wait_for_function("() => Number(document.querySelector('#waiting').textContent) > 0")
    assert number not in shop.purchases()
    seen.press("Wznów wysyłanie")
    seen.press("Wznów teraz")
    wait_until(lambda: number in shop.purchases(), 30, "it is sent after all")


@pytest.mark.parametrize(("width", "scheme", "locale"), [(320, "dark", "pl-PL"), (1000, "light", "en-GB")])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser, polish: BrowserContext, shop: Scene, width: int, scheme: Literal["dark", "light"], locale: str
) -> None:
    with browser.new_context(
        locale=locale,
        viewport={"width": width, "height": 700},
        color_scheme=scheme,
        storage_state=polish.storage_state(),
    ) as context:
        opened = tab(context, shop.root)
        wrong = []
        for path in [*PAGES, f"/orders/{shop.hostile}", "/nowhere"]:
            opened.go(path)
            if path.startswith("/orders/"):
                opened.page.locator("#payload").wait_for()
            wrong += opened.flaws()
        for path, action in (("/", "/pause/preview"), ("/settings", "/settings/preview")):
            opened.go(path)
            opened.page.locator(f"form[action='{action}'] button").last.click()
            opened.page.wait_for_url(re.compile(r"/(pause/preview|running/[^/]+)$"))
            wrong += opened.flaws()
        opened.go("/again")
        opened.page.locator("#ids").fill("six")
        opened.page.locator("form[action='/again/orders/preview'] button").click()
        opened.page.locator("#orders-error").wait_for()
        wrong += opened.flaws()
        assert wrong == []
        assert opened.complaints == []


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


def test_a_replay_is_refused_beside_processors_and_moves_offsets_without(seen: Tab, shop: Scene) -> None:
    processors = [one for name, one in shop.programs.started if name.startswith("processor")]
    before = committed_offsets(shop.environment["KAFKA_BOOTSTRAP_SERVERS"], shop.environment["TOPIC_PREFIX"])

    def preview() -> None:
        seen.go("/again")
        seen.page.get_by_label("Albo offset").fill("0")
        seen.page.locator("form[action='/again/replay/preview'] button").click()
        seen.sees("Do ponownego przejścia")

    preview()
    assert "Działa 1 procesor" in seen.text()
    seen.press("Rozpocznij teraz")
    seen.sees("stop them")
    for process in processors:
        process.terminate()
        assert process.wait(60) == 0
    preview()
    seen.press("Rozpocznij teraz")
    seen.sees("Teraz uruchom procesory")
    after = committed_offsets(shop.environment["KAFKA_BOOTSTRAP_SERVERS"], shop.environment["TOPIC_PREFIX"])
    assert sum(after.values()) < sum(before.values())
    updates = len(shop.updates())
    seen.sees("Trwa ponowne wysyłanie")
    seen.press("Zatrzymaj ponowne wysyłanie")
    seen.sees("Pominięte w powtórce")
    seen.press("Zatrzymaj teraz")
    seen.sees("Zatrzymano. Teraz uruchom procesory")
    assert "offset 0:0,1:0" in seen.text() and "Trwa ponowne wysyłanie" not in seen.text()
    seen.go("/")
    seen.sees("Nic nie jest wysyłane: nie działa żaden procesor")
    shop.programs.start("processor")
    number = shop.order()
    wait_until(lambda: number in shop.purchases(), 60, "new orders go on")
    assert set(shop.updates()[updates:]) <= {shop.missing[0]}, "what was sent before stays as it is"


def test_without_kafka_the_console_says_so_and_takes_keys(browser: Browser, shop: Scene, tmp_path: Path) -> None:
    """Its keys lie in a `.env` of its own: a wrong token is refused, a right one is written and never shown."""
    token = shop.environment["BASELINKER_TOKEN"]
    names = ("BASELINKER_TOKEN", "CONTACT_TAG", "TAG_ORDER_SOURCE")
    environment = {name: value for name, value in shop.environment.items() if name not in names}
    folder = tmp_path / "alone"
    folder.mkdir()
    (folder / ".env").write_text("# ours\nBASELINKER_TOKEN=old-token-value\nCONTACT_TAG=Klient\n")
    dead = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with (
        console(environment, folder, **dead) as root,
        browser.new_context(locale="en-GB") as context,
    ):
        opened = tab(context, root)
        opened.go("/settings/credentials")
        assert "from the .env file" in opened.text()
        assert "old-token-value" not in opened.page.content()
        opened.page.get_by_label("BaseLinker token").fill("wrong-token-value")
        opened.press("Try")
        opened.sees("BaseLinker refuses the token")
        assert "wrong-token-value" not in opened.page.content()
        assert "old-token-value" in (folder / ".env").read_text()
        opened.go("/settings/credentials")
        opened.page.get_by_label("BaseLinker token").fill(token)
        opened.press("Try")
        opened.sees("Nothing is saved yet")
        assert token not in opened.page.content()
        assert "old-token-value" in (folder / ".env").read_text()
        opened.press("Save in .env")
        opened.sees("Now restart the programs")
        assert token not in opened.page.content()
        assert (folder / ".env").read_text() == f"# ours\nBASELINKER_TOKEN={token}\nCONTACT_TAG=Klient\n"
        assert (folder / ".env").stat().st_mode & 0o777 == 0o600
        opened.go("/")
        opened.sees("Kafka can't be reached")
        assert opened.complaints == []
    log = (folder / "console.log").read_text()
    assert token not in log and "wrong-token-value" not in log


def test_baselinker_away_is_said_where_it_is_needed_and_the_rest_goes_on(seen: Tab, shop: Scene) -> None:
    ask_sandbox(shop.base, "listen", {"off": 30})
    number = shop.missing[1]
    seen.go(f"/orders/{number}")
    assert "Co się działo" in seen.text()
    seen.sees("BaseLinker teraz nie odpowiada albo prosi, żeby poczekać")
    seen.go("/")
    seen.sees("Co stało się z zamówieniami")
