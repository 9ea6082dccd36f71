"""`make screenshots`: retakes the pictures of the docs on the sandbox: a shop with orders, failures and changes."""

import sys
import tempfile
import uuid
from pathlib import Path

from playwright.sync_api import Browser, Page

from console.words import Words
from sandbox.kafka import start_kafka
from tests.browser.browsing import chromium
from tests.browser.scene import PASSWORD, Scene, scene

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
WORDS = {language: Words(language) for language in ("pl", "en")}


def main() -> int:
    """Take them all, in both languages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        start_kafka() as kafka,
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        scene(kafka.bootstrap, f"s{uuid.uuid4().hex[:12]}", Path(folder)) as shop,
    ):
        for language in WORDS:
            _take(browser, shop, language)
    return 0


def _take(browser: Browser, shop: Scene, language: str) -> None:
    words = WORDS[language]
    locale = {"pl": "pl-PL", "en": "en-GB"}[language]
    window = {"width": 900, "height": 640}
    with browser.new_context(locale=locale, viewport=window, timezone_id="Europe/Warsaw") as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(shop.root)
        page.get_by_label(words("login.name")).fill("AK")
        page.get_by_label(words("login.password")).fill(PASSWORD)
        page.get_by_role("button", name=words("login.log_in")).click()
        page.locator("#sent-day").wait_for()
        _shoot(page, "overview", language)
        number = shop.sent_order()
        page.goto(f"{shop.root}/orders")
        _shoot(page, "orders", language)
        page.goto(f"{shop.root}/orders/{number}")
        page.locator("#payload").wait_for()
        _shoot(page, "order", language)
        page.goto(f"{shop.root}/failed")
        _shoot(page, "failed", language)
        page.goto(f"{shop.root}/settings/credentials")
        _shoot(page, "keys", language)
        page.goto(f"{shop.root}/settings")
        _shoot(page, "settings", language)
        page.get_by_label(words("settings.skip")).check()
        page.get_by_role("button", name=words("settings.preview")).click()
        page.locator("#work:not([hx-get])").wait_for()
        _shoot(page, "preview", language)


def _shoot(page: Page, name: str, language: str) -> None:
    page.wait_for_timeout(300)
    height = min(1000, page.evaluate("document.documentElement.scrollHeight"))
    page.screenshot(
        path=FOLDER / f"{name}.{language}.png",
        clip={"x": 0, "y": 0, "width": 900, "height": height},
        full_page=True,
        animations="disabled",
    )


if __name__ == "__main__":
    sys.exit(main())
