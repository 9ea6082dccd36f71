"""Keys and passwords in a browser, on a console whose Kafka is unreachable."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.browsing import tab
from tests.browser.scene import Scene
from tests.console.process import console_process

pytestmark = pytest.mark.browser


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
        console_process(environment, folder, **dead) as root,
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
