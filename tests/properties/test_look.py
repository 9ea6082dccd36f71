"""The look, against any arrangement of cards: a purchase that is shown is seen, a card that is not proves nothing."""

import json
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import Http, RetriableError, SalesManago
from processor.deliver.existing_purchase import Ask, Seen, look
from tests.harness.cases import cases

MAILS = ("ann@example.com", "bob@example.com", "Zoë@example.com")
IDS = ("c1", "c2", "c3", "c4")
ORDERS = (7, 8, 70)

spelled = st.sampled_from(MAILS).flatmap(lambda mail: st.sampled_from([mail, mail.upper(), mail.title(), f" {mail} "]))
external = st.sampled_from(ORDERS).flatmap(
    lambda number: st.sampled_from([number, str(number), float(number), f" {number} "])
)
events = st.fixed_dictionaries(
    {},
    optional={
        "contactExtEventType": st.sampled_from(["PURCHASE", "purchase", "CART", "", None]),
        "type": st.sampled_from(["PURCHASE", "OTHER"]),
        "eventId": st.sampled_from(["e1", "", None, 5]),
        "id": st.sampled_from(["e2"]),
        "externalId": external | st.sampled_from(["", None, "A-7", "07"]),
        "date": st.sampled_from([1763640000000, "1763640000000", 0, None, "soon"]),
    },
)
shown_events: st.SearchStrategy[Any] = st.one_of(
    st.lists(events, max_size=4),
    st.lists(events, max_size=3).map(lambda found: {str(index): event for index, event in enumerate(found)}),
    st.sampled_from([None, [], {}, "unreadable", 5, True, ["e1", "e2"], [None]]),
)
card_rows = st.fixed_dictionaries(
    {"contactId": st.sampled_from(IDS), "email": spelled, "contactExtEvents": shown_events}
)
UNREADABLE = ("unreadable", 5, True, ["e1", "e2"], [None])


class Shown:
    """SALESmanago as the real client sees it: cards doubled, left out, in any order.

    `others` are cards of other users' contacts, for the account-wide calls; None = these are refused. `shown` = the
    cards that can be read.
    """

    def __init__(
        self, by_email: list[dict[str, Any]], by_id: list[dict[str, Any]], others: list[dict[str, Any]] | None = None
    ) -> None:
        self.by_email, self.by_id, self.others = by_email, by_id, others
        self.shown: list[dict[str, Any]] = []
        http = Http("SALESmanago", transport=httpx.MockTransport(self._answer))
        self.api = SalesManago(http, "http://sm/api", "c", "s", "k", "o@example.com")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        account = "listAll" in request.url.path
        if account and self.others is None:
            return httpx.Response(200, json={"success": False, "message": ["Access denied"]})
        others = self.others or [] if account else []
        if "email" in body:
            asked = {mail.lower() for mail in body["email"]}
            found = [card for card in [*self.by_email, *others] if card["email"].strip().lower() in asked]
        else:
            found = [card for card in [*self.by_id, *others] if card["contactId"] in body["contactId"]]
        unreadable = [*UNREADABLE, None] if account else UNREADABLE
        self.shown += [card for card in found if card["contactExtEvents"] not in unreadable]
        return httpx.Response(200, content=json.dumps({"success": True, "contacts": found}).encode())


def is_ours(event: dict[str, Any], order: int) -> bool:
    """By what SALESmanago shows alone: a PURCHASE, or of no stated kind, with our id in any spelling of a number."""
    kind = event.get("contactExtEventType") or event.get("type") or "PURCHASE"
    said = event.get("externalId")
    same = said == order if isinstance(said, int | float) else str(said).strip() == str(order)
    return bool(kind.upper() == "PURCHASE" and same)


asks = st.lists(
    st.builds(Ask, st.sampled_from(ORDERS), st.sampled_from(MAILS), st.sampled_from(IDS),
              st.frozensets(st.sampled_from(IDS), max_size=1), st.frozensets(st.sampled_from(IDS), max_size=2)),
    min_size=1, max_size=3, unique_by=lambda ask: ask.order_id,
)  # fmt: skip


@settings(max_examples=cases(500))
@given(
    asks=asks,
    by_email=st.lists(card_rows, max_size=5),
    by_id=st.lists(card_rows, max_size=4),
    others=st.none() | st.lists(card_rows, max_size=4),
)
def test_a_purchase_that_is_shown_is_never_reported_absent(
    asks: list[Ask],
    by_email: list[dict[str, Any]],
    by_id: list[dict[str, Any]],
    others: list[dict[str, Any]] | None,
) -> None:
    server = Shown(by_email, by_id, others)
    answers = look(server.api, asks)
    assert set(answers) == {ask.order_id for ask in asks}
    for ask in asks:
        readable = [
            card
            for card in server.shown
            if card["contactId"] in ask.contacts or card["email"].strip().lower() == ask.email.lower()
        ]
        rows = [row for card in readable for row in listed(card["contactExtEvents"])]
        bought = [row for row in rows if is_ours(row, ask.order_id)]
        answer = answers[ask.order_id]
        if isinstance(answer, RetriableError):
            assert not answer.may_have_applied
            continue
        if answer.event_id is None:
            needed = ask.intended | {ask.contact_id}
            assert needed <= {card["contactId"] for card in readable}, "a card not shown is no absence"
        assert (answer.event_id is not None) is bool(bought)
        if bought:
            assert answer.contact_id in {card["contactId"] for card in readable}


@settings(max_examples=cases(200))
@given(asks=asks, others=st.lists(card_rows, max_size=4, unique_by=lambda card: card["contactId"]))
def test_a_purchase_of_another_users_contact_is_seen_wherever_it_is(
    asks: list[Ask], others: list[dict[str, Any]]
) -> None:
    answers = look(Shown([], [], others).api, asks)
    for ask in asks:
        bought = {
            card["contactId"]
            for card in others
            if (card["contactId"] in ask.contacts or card["email"].strip().lower() == ask.email.lower())
            and card["contactExtEvents"] not in [*UNREADABLE, None]
            and any(is_ours(row, ask.order_id) for row in listed(card["contactExtEvents"]))
        }
        answer = answers[ask.order_id]
        assert bool(bought) is (isinstance(answer, Seen) and answer.event_id is not None)
        assert not isinstance(answer, Seen) or answer.contact_id is None or answer.contact_id in bought


def listed(found: Any) -> list[dict[str, Any]]:
    return list(found.values()) if isinstance(found, dict) else found or []


@settings(max_examples=cases(20, 200))
@given(at=st.integers(0, 4999), order=st.sampled_from(ORDERS))
def test_one_purchase_among_thousands_of_events_is_seen(at: int, order: int) -> None:
    many: list[dict[str, Any]] = [
        {"eventId": f"e{number}", "contactExtEventType": "PURCHASE", "externalId": str(number + 1000)}
        for number in range(5000)
    ]
    many[at] = {"eventId": "ours", "contactExtEventType": "PURCHASE", "externalId": order}
    server = Shown([{"contactId": "c1", "email": MAILS[0], "contactExtEvents": many}], [])
    assert look(server.api, [Ask(order, MAILS[0], "c1")]) == {order: Seen("ours", "c1", 1)}


def test_a_card_doubled_with_and_without_its_events_shows_them() -> None:
    full = {"contactId": "c1", "email": MAILS[0], "contactExtEvents": [{"eventId": "e1", "externalId": "7"}]}
    for cards in ([full, full | {"contactExtEvents": []}], [full | {"contactExtEvents": []}, full]):
        answer = look(Shown(cards, cards).api, [Ask(7, MAILS[0], "c1", frozenset({"c1"}))])[7]
        assert isinstance(answer, Seen)
        assert answer.event_id == "e1"
