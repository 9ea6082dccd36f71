"""Sending again in a browser: a backfill, a single order, a replay, and stopping each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from schemas.records import Origin
from tests.browser.browsing import Tab
from tests.browser.scene import SECONDS, Scene
from tests.harness.topics import committed_offsets

pytestmark = pytest.mark.browser


@pytest.fixture
def stopping(shop: Scene) -> Iterator[None]:
    """Afterwards a processor is running."""
    yield
    shop.start_processor()


def fill_since(seen: Tab) -> None:
    """Ask for a backfill of all orders there are."""
    seen.go("/again")
    seen.page.get_by_label("Od", exact=True).fill(f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%dT00:00}")


def test_missing_orders_are_brought_by_date_and_single_ones_sent_again(seen: Tab, shop: Scene) -> None:
    missing = {shop.order(listed=False), shop.order(listed=False)}
    fill_since(seen)
    seen.page.locator("form[action='/again/backfill/preview'] button").click()
    seen.sees("Podgląd: jeszcze nic się nie stało")
    assert not missing & set(shop.purchases())
    seen.press("Rozpocznij teraz")
    seen.sees("Do kolejki trafiło", SECONDS)
    shop.wait_for(*missing)
    number = min(missing)
    seen.go(f"/orders/{number}")
    seen.sees_in_time("Wysłane do SALESmanago")  # the purchase is there before its row is
    seen.press("Wyślij ponownie według dzisiejszych reguł")
    seen.sees("Ponownie według dzisiejszych reguł")
    assert number not in shop.updates()
    assert "najwyżej 1 zapytanie do BaseLinkera" in seen.text()
    seen.press("Rozpocznij teraz")
    seen.wait_for(lambda: number in shop.updates(), "its purchase is updated")
    purchases = shop.purchases()
    assert len(purchases) == len(set(purchases))


def test_a_backfill_is_stopped_where_it_stands_and_says_so(seen: Tab, shop: Scene) -> None:
    fill_since(seen)
    seen.page.locator("form[action='/again/backfill/preview'] button").click()
    seen.sees("Podgląd: jeszcze nic się nie stało")
    assert "zapytań do BaseLinkera" in seen.text() or "zapytania do BaseLinkera" in seen.text()
    assert "na pracę procesorów" in seen.text()
    changing = list[str]()
    with shop.gate.held():
        seen.press("Rozpocznij teraz")
        stop = seen.page.locator("#stop")
        stop.evaluate("button => { button.dataset.same = 'yes'; button.focus(); }")
        seen.page.on("requestfinished", lambda one: changing.append(one.url) if "?shown=" in one.url else None)
        seen.wait_for(lambda: len(changing) >= 3, "the page has asked three times for what changes")
        assert seen.page.evaluate("() => [document.activeElement.id, document.activeElement.dataset.same]") == [
            "stop",
            "yes",
        ]
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_load_state()
    seen.sees("Zatrzymano po", SECONDS)
    assert seen.page.get_by_role("button", name="Zatrzymaj").count() == 0


def test_a_preview_is_stopped_and_has_changed_nothing(seen: Tab, shop: Scene) -> None:
    fill_since(seen)
    with shop.gate.held():
        seen.page.locator("form[action='/again/backfill/preview'] button").click()
        seen.press("Zatrzymaj")
        seen.page.wait_for_load_state()
    seen.sees("Nic się nie zmieniło")
    assert seen.page.get_by_role("button", name="Rozpocznij teraz").count() == 0
    seen.page.get_by_role("link", name="Wróć").click()
    seen.sees("Wyślij zamówienia ponownie")


@pytest.mark.usefixtures("stopping")
def test_a_replay_is_refused_beside_processors_and_moves_offsets_without(seen: Tab, shop: Scene) -> None:
    kafka, prefix = shop.environment["KAFKA_BOOTSTRAP_SERVERS"], shop.environment["TOPIC_PREFIX"]
    processors = [one for name, one in shop.programs.started if name.startswith("processor")]
    before = committed_offsets(kafka, prefix)

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
    after = committed_offsets(kafka, prefix)
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
    shop.start_processor()
    shop.sent_order()  # new orders are sent
    single = {entry.order_id for entry in shop.entries() if entry.origin is Origin.REPLAY}
    assert set(shop.updates()[updates:]) <= single, "what was sent before stays as it is"
