"""The search for an order, and the page of one that the program has never seen and BaseLinker knows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from clients import ContactCard, RetriableError
from console import orders
from console.words import Words
from operations.explain import EntryView, Story, fresh_read
from processor.decide.rules import Enriched, RuleSettings
from runtime.settings import load_settings
from schemas.records import Delivery, Origin, Outcome
from tests.console.clients import browser, log_in, token
from tests.console.offline import GIVEN, Offline
from tests.processor.simulated import START, order

ENTRY = EntryView(0, 1, START, 1, 1, Origin.JOURNAL, START, "waiting")
SEND = 'name="orders" value="747000046"'
RULES = RuleSettings(location="sklep_1")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Shop(Offline):
    """Its readers give nothing, since what is read is given."""

    def reads(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Lend none."""
        return nullcontext()


class Base:
    """BaseLinker's answer, in place of both APIs and of what is kept."""

    base = None

    def __init__(self, known: bool, sales: "Sales | None") -> None:
        self._known, self.sales = known, sales

    def read(self, *_: object) -> Enriched:
        """Return the order as it is there."""
        return Enriched(order(747000046) if self._known else None)


class Sales:
    """SALESmanago, where the order's contact has an earlier address; or which does not answer."""

    def __init__(self, answers: bool) -> None:
        self._answers = answers

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the contact's card."""
        if not self._answers:
            raise RetriableError("no answer", api="SALESmanago")
        return [ContactCard(ids[0], "wczesniej@poczta.example.pl", (), ())]

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return a card of the present address."""
        return [ContactCard("c2", emails[0], (), ())]


def page(
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    seen: bool,
    known: bool,
    row: Delivery | None = None,
    sales: Sales | None = None,
) -> str:
    """A page of an order."""
    story = Story(747000046, 0, 0, (ENTRY,) if seen else (), row, (), "", None)
    monkeypatch.setattr(orders, "read_story", lambda *_: story)
    program = Shop()
    base = Base(known, sales)
    monkeypatch.setattr(program, "kept", base)
    monkeypatch.setattr(program, "apis", lambda: base)
    client = browser(program)
    log_in(client)
    return client.get(path).text


@pytest.mark.parametrize(("seen", "known", "there"), [(False, True, True), (False, False, False), (True, True, False)])
def test_an_order_never_seen_can_be_sent_once_baselinker_knows_it(
    monkeypatch: pytest.MonkeyPatch, seen: bool, known: bool, there: bool
) -> None:
    told = page(monkeypatch, "/orders/747000046/now", seen, known)
    assert (SEND in told) is there and ("BaseLinker does not know this order" in told) is not known
    assert (SEND in page(monkeypatch, "/orders/747000046", seen, known)) is seen


def test_the_page_shows_masked_which_address_has_what(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = row(Outcome.DELIVERED, "created", event_id="e")
    path = "/orders/747000046/now"
    shown = page(monkeypatch, path, True, True, delivered, Sales(answers=True))
    assert "Address now: k…@e…e.com. SALESmanago has a contact with it." in shown
    assert "The purchase is on the contact of an earlier address, w…@p…e.pl, and stays there" in shown
    assert "wczesniej" not in page(monkeypatch, f"{path}?reveal=1", True, True, delivered, Sales(answers=True))


def test_without_an_answer_of_salesmanago_the_page_shows_all_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = row(Outcome.DELIVERED, "created", event_id="e")
    shown = page(monkeypatch, "/orders/747000046/now", True, True, delivered, Sales(answers=False))
    assert "The purchase exists: it would be updated" in shown
    assert "Address now" not in shown and "SALESmanago" in shown


@pytest.mark.parametrize(("asked", "said"), [("Kowalska", "whole e-mail"), ("a" * 60 + "@b.pl", "at most 50")])
def test_a_search_keeps_what_was_asked(offline: tuple[Offline, TestClient], asked: str, said: str) -> None:
    _, client = offline
    answer = client.post("/orders", data={"asked": asked, "csrf": token(client, "/again")})
    assert answer.status_code == 400 and said in answer.text and f'value="{asked}"' in answer.text
    found = client.post("/orders", data={"asked": "#747 000 046", "csrf": token(client, "/again")})
    assert found.headers["location"] == "/orders/747000046"


def row(outcome: Outcome, reason: str, event_id: str | None = None) -> Delivery:
    return Delivery(outcome, reason, False, 1, "topic", 1, "c", event_id, None, NOW)


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (None, "create"),
        (row(Outcome.DELIVERED, "created", event_id="e"), "update"),
        (row(Outcome.RETRACTED, "", event_id="e"), "retracted"),
        (row(Outcome.RETRACTED, ""), "retracted"),
    ],
)
def test_what_would_happen_is_said_as_explain_says_it(found: Delivery | None, fate: str) -> None:
    fresh = fresh_read(Enriched(order()), True, found, RULES, reveal=False)
    assert fresh.fate == fate
    assert Words("pl").has(f"order.would_{fresh.fate}")
    assert ("retracted" in fresh.would) is (fate == "retracted")
    assert fresh_read(Enriched(None), True, found, RULES, reveal=False).fate == "nothing"


@pytest.mark.parametrize(
    ("currency", "language", "said"),
    [
        ("EUR", "en", "The value, 30.00 EUR, is sent at the rate 4.27: 128.10 PLN."),
        ("EUR", "pl", "Wartość 30.00 EUR jest wysyłana po kursie 4.27: 128.10 PLN."),
        ("CZK", "en", "sent unconverted and counts as 30.00 PLN: EXCHANGE_RATES has no rate of CZK"),
        ("USD", "pl", "FOREIGN_CURRENCY=skip"),
        ("PLN", "en", None),
    ],
)
def test_the_page_says_what_becomes_of_a_value_in_another_currency(
    monkeypatch: pytest.MonkeyPatch, currency: str, language: str, said: str | None
) -> None:
    given = {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27"}
    given |= {"FOREIGN_CURRENCY": "skip"} if currency == "USD" else {}
    monkeypatch.setattr(orders, "read_story", lambda *_: Story(747000046, 0, 0, (), None, (), "", None))
    program, base = Shop(), Base(True, None)
    program.settings = load_settings({**GIVEN, **given}, None, "kafka")
    monkeypatch.setattr(base, "read", lambda *_: Enriched(order(747000046, currency=currency)))
    monkeypatch.setattr(program, "kept", base)
    monkeypatch.setattr(program, "apis", lambda: base)
    client = browser(program)
    log_in(client)
    shown = client.get("/orders/747000046/now", headers={"accept-language": language}).text
    assert ('id="money"' in shown) is (said is not None)
    assert said is None or said in shown
