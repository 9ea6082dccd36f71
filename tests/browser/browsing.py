"""The system's Chromium, and its tabs."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
HEAR = """
  document.addEventListener('htmx:sseMessage', event => { document.documentElement.dataset[event.detail.type] = ''; });
"""
SERIOUS = {"serious", "critical", "moderate"}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser; without one the test is skipped, in CI it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        why = "there is no Chromium: apt-get install chromium"
        if os.environ.get("CI") or os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(why)
        pytest.skip(why)
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True)
class Tab:
    """A page of the console; `complaints` are what the browser reported: broken rules, script errors, dialogs."""

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)

    def dismiss(self, dialog: Dialog) -> None:
        """A dialog: no page of ours opens one."""
        self.complaints.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def hear(self, said: ConsoleMessage) -> None:
        """What was written to the browser's console."""
        if "Content Security Policy" in said.text:
            self.complaints.append(said.text)

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.root + path)

    def go_to_overview(self) -> None:
        """Open the overview and wait until it is live."""
        self.go("/")
        self.page.locator("html[data-pausing]").wait_for()

    def press(self, name: str) -> None:
        """Press a button by its text."""
        self.page.get_by_role("button", name=name).click()

    def sees(self, text: str, seconds: float = 30.0) -> None:
        """Wait until a text is seen."""
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def sees_in_time(self, text: str, seconds: float = 60.0) -> None:
        """Open the page again until a text is on it: such a page shows one moment, and does not follow."""
        until = time.monotonic() + seconds
        while text not in self.text():
            assert time.monotonic() < until, f"not within {seconds:.0f} s: {text!r} in {self.text()}"
            time.sleep(0.1)
            self.page.reload()

    def wait_for(self, true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Let the browser's events come in until something is so."""
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
            self.page.wait_for_timeout(100)

    def text(self) -> str:
        """What is to be read on the page."""
        return self.page.inner_text("main")

    def flaws(self) -> list[str]:
        """What axe finds wrong, and a page wider than its window."""
        page = self.page
        # evaluate() is the debugger's, so that the page's own rules need not let a script in
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
        wrong = [
            f"{page.url}: {one['id']} ({one['impact']}) {node['html'][:120]}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
        width = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        return [*wrong, *([f"{page.url}: {width[0]} wide in {width[1]}"] if width[0] > width[1] else [])]


def tab(context: BrowserContext, root: str) -> Tab:
    """Open a tab that notes what the browser complains about."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.add_init_script(HEAR)
    opened = Tab(page, root)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    # Playwright sets a mark on what it is given, which a slotted object's method does not take
    page.on("dialog", lambda dialog: opened.dismiss(dialog))  # noqa: PLW0108
    page.on("console", lambda said: opened.hear(said))  # noqa: PLW0108
    return opened
