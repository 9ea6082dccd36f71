"""Dead letters in a browser."""

import pytest

from tests.browser.browsing import Tab
from tests.browser.scene import Scene

pytestmark = pytest.mark.browser


def test_dead_letters_are_tried_again_or_dropped_after_a_preview(seen: Tab, shop: Scene) -> None:
    corrected, dropped = shop.refused_order(), shop.refused_order()
    seen.go("/failed")
    for number in (corrected, dropped):
        seen.sees_in_time(str(number))
    shop.accept(corrected)
    assert "SALESmanago odmówiło przyjęcia" in seen.text() and "brak adresu e-mail" in seen.text()
    seen.press("Ponów wybrane")
    seen.sees("Wybierz co najmniej jedno")
    for box in seen.page.get_by_label(f"Wybierz zamówienie {corrected}").all():
        box.check()
    seen.press("Ponów wybrane")
    seen.sees("Ponowić próbę?")
    assert "zapytanie do BaseLinkera" in seen.text()
    assert corrected not in shop.purchases()
    seen.press("Ponów teraz")
    seen.sees("Wróciło do kolejki")
    shop.wait_for(corrected)
    seen.page.get_by_label("Wszystkie").check()
    seen.press("Odrzuć wybrane")
    seen.press("Odrzuć teraz")
    seen.sees("Nie ma nieudanych zamówień")
    assert dropped not in shop.purchases()
