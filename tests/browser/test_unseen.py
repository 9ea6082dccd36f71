"""An order that the program has never seen, and BaseLinker knows: it can be sent from its page."""

from contextlib import AbstractContextManager, nullcontext

import pytest
from starlette.testclient import TestClient

from console import orders
from operations.explain import EntryView, Story
from processor.rules import Enriched
from runtime.settings import load_settings
from schemas.records import Origin
from tests.browser.indoors import GIVEN, Indoors, browser, log_in
from tests.processor.simulated import START, order

ENTRY = EntryView(0, 1, START, 1, 1, Origin.JOURNAL, START, "waiting")
SEND = 'name="orders" value="747000046"'


class Shop(Indoors):
    """Its readers give nothing, since what is read is given."""

    def reads(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Lend none."""
        return nullcontext()


class Base:
    """BaseLinker's answer, in place of both APIs and of what is kept."""

    base = None

    def __init__(self, known: bool) -> None:
        self._known = known

    def read(self, *_: object) -> Enriched:
        """Return the order as it is there."""
        return Enriched(order(747000046) if self._known else None)


def page(monkeypatch: pytest.MonkeyPatch, path: str, seen: bool, known: bool) -> str:
    """A page of an order."""
    story = Story(747000046, 0, 0, (ENTRY,) if seen else (), None, (), "", None)
    monkeypatch.setattr(orders, "read_story", lambda *_: story)
    program = Shop(load_settings(GIVEN, None, need="kafka"))
    base = Base(known)
    monkeypatch.setattr(program, "kept", base)
    monkeypatch.setattr(program, "apis", lambda: base)
    client: TestClient = browser(program)
    log_in(client)
    return client.get(path).text


@pytest.mark.parametrize(("seen", "known", "there"), [(False, True, True), (False, False, False), (True, True, False)])
def test_an_order_never_seen_is_sent_from_what_baselinker_says_of_it(
    monkeypatch: pytest.MonkeyPatch, seen: bool, known: bool, there: bool
) -> None:
    told = page(monkeypatch, "/orders/747000046/now", seen, known)
    assert (SEND in told) is there and ("BaseLinker does not know this order" in told) is not known
    assert (SEND in page(monkeypatch, "/orders/747000046", seen, known)) is seen
