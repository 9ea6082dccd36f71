"""Every page: accessible, and not wider than a small screen."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.browsing import tab
from tests.browser.scene import Scene

pytestmark = pytest.mark.browser

PAGES = ("/", "/orders", "/failed", "/again", "/settings", "/settings/credentials")


@pytest.mark.parametrize(("width", "scheme", "locale"), [(320, "dark", "pl-PL"), (1000, "light", "en-GB")])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser,
    logged_in: StorageState,
    shop: Scene,
    width: int,
    scheme: Literal["dark", "light"],
    locale: str,
) -> None:
    refused = shop.refused_order()
    with browser.new_context(
        locale=locale,
        viewport={"width": width, "height": 700},
        color_scheme=scheme,
        storage_state=logged_in,
    ) as context:
        opened = tab(context, shop.root)
        opened.go("/failed")
        opened.sees_in_time(str(refused))
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
