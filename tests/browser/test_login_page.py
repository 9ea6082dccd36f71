"""The login in a browser."""

import pytest
from playwright.sync_api import Browser

from tests.browser.browsing import tab
from tests.browser.scene import PASSWORD, Scene

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_refused_and_the_right_one_opens_the_overview(browser: Browser, shop: Scene) -> None:
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
        assert opened.complaints == []
