"""One browser and one running shop for all of this folder's tests; each test has its own tab and cookies."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.browsing import Tab, chromium, tab
from tests.browser.scene import PASSWORD, Scene, scene


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def shop(kafka: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """What a test changes of it for others, it takes back."""
    with scene(kafka, f"t{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("scene")) as found:
        yield found


@pytest.fixture(scope="package")
def logged_in(browser: Browser, shop: Scene) -> StorageState:
    """The cookies of somebody who is logged in."""
    with browser.new_context(locale="pl-PL") as context:
        opened = tab(context, shop.root)
        opened.go("/")
        opened.page.get_by_label("Kim jesteś?").fill("AK")
        opened.page.get_by_label("Hasło").fill(PASSWORD)
        opened.press("Zaloguj się")
        opened.sees("Co stało się z zamówieniami")
        return context.storage_state()


@pytest.fixture
def seen(browser: Browser, logged_in: StorageState, shop: Scene) -> Iterator[Tab]:
    """A tab of a Polish browser that is logged in; in the end it must have nothing to complain about."""
    with browser.new_context(
        locale="pl-PL", viewport={"width": 1000, "height": 800}, storage_state=logged_in
    ) as context:
        opened = tab(context, shop.root)
        yield opened
        assert opened.complaints == []
