"""What the look at a contact's card finds, and what proves nothing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from clients import (
    ApiError,
    BackpressureError,
    CallMissing,
    CallRefused,
    ContactCard,
    ExtEvent,
    FatalError,
    RejectedError,
    RetriableError,
)
from processor.deliver.existing_purchase import Ask, NotShown, Seen, has_newer_purchase, look
from tests.processor.entries import NOW


class Cards:
    """SALESmanago with the owner's cards and those of other users, which only the account-wide calls show."""

    def __init__(
        self, *cards: ContactCard, others: Sequence[ContactCard] = (), account: ApiError | None = None
    ) -> None:
        self.cards, self.others, self.account = list(cards), list(others), account
        self.asked: list[str] = []

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        self.asked.append("list")
        return [card for card in self.cards if card.email in emails]

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        if ids:
            self.asked.append("listById")
        return [card for card in self.cards if card.contact_id in ids]

    def account_contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        self.asked.append("listAll")
        self._fail()
        return [card for card in [*self.cards, *self.others] if card.email in emails]

    def account_contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        if ids:
            self.asked.append("listAllById")
            self._fail()
        return [card for card in [*self.cards, *self.others] if card.contact_id in ids]

    def _fail(self) -> None:
        if self.account is not None:
            raise self.account


def card(contact_id: str, email: str, *events: ExtEvent) -> ContactCard:
    return ContactCard(contact_id, email, (), events)


def bought(order_id: int, event_id: str = "e1", kind: str = "PURCHASE") -> ExtEvent:
    return ExtEvent(event_id, kind, str(order_id), NOW)


def test_the_look_finds_the_purchase_and_nothing_else() -> None:
    api = Cards(card("c1", "a@example.com", bought(8), bought(7, "cart", "CART"), bought(7)))
    assert look(api, [Ask(7, "A@example.com", "c1")]) == {7: Seen("e1", "c1", 1)}
    assert look(api, [Ask(9, "a@example.com", "c1")]) == {9: Seen(None, None, 0)}


def test_a_card_that_is_not_shown_proves_nothing() -> None:
    assert isinstance(look(Cards(), [Ask(7, "a@example.com", "c1")])[7], RetriableError)


def test_the_look_reaches_the_contact_of_an_earlier_intent() -> None:
    api = Cards(card("c2", "new@example.com"), card("c1", "old@example.com", bought(7)))
    assert look(api, [Ask(7, "new@example.com", "c2", frozenset({"c1"}))]) == {7: Seen("e1", "c1", 1)}


def test_the_contact_of_an_earlier_intent_must_be_shown_too() -> None:
    api = Cards(card("c2", "new@example.com"))
    assert look(api, [Ask(7, "new@example.com", "c2", frozenset({"c1"}))])[7] == Seen(None, None, 0)
    assert isinstance(look(api, [Ask(7, "new@example.com", "c2", intended=frozenset({"c1"}))])[7], RetriableError)


def test_an_event_of_no_stated_kind_is_taken_for_a_purchase() -> None:
    api = Cards(card("c1", "a@example.com", bought(7, kind="")))
    assert look(api, [Ask(7, "a@example.com", "c1")])[7] == Seen("e1", "c1", 1)


ASK = Ask(7, "a@example.com", "c1")
NOWHERE = Seen(None, None, 0)
UNAVAILABLE = [CallRefused("Access denied", api="SALESmanago"), CallMissing("HTTP 404", api="SALESmanago")]


@pytest.mark.parametrize(
    ("ask", "own", "others", "seen"),
    [
        (ASK, [], [card("c1", "a@example.com", bought(7))], Seen("e1", "c1", 1)),
        (ASK, [], [card("c1", "A@example.com", bought(8))], NOWHERE),
        (ASK, [], [card("c1", "old@example.com", bought(7))], Seen("e1", "c1", 1)),
        (ASK, [], [card("c1", "a@example.com"), card("c9", "a@example.com", bought(7))], Seen("e1", "c9", 1)),
        (ASK, [card("c1", "new@example.com")], [card("c9", "a@example.com", bought(7))], Seen("e1", "c9", 1)),
        (ASK, [], [card("c9", "a@example.com")], NotShown),
        (
            Ask(7, "a@example.com", "c1", frozenset({"c2"})),
            [card("c1", "a@example.com")],
            [card("c2", "old@example.com", bought(7))],
            Seen("e1", "c2", 1),
        ),
        (
            Ask(7, "a@example.com", "c1", intended=frozenset({"c2"})),
            [card("c1", "a@example.com")],
            [card("c2", "old@example.com")],
            NOWHERE,
        ),
        (Ask(7, "a@example.com", "c1", intended=frozenset({"c2"})), [card("c1", "a@example.com")], [], NotShown),
    ],
)
def test_another_owners_cards_count_where_the_owners_list_does_not_show_them(
    ask: Ask, own: list[ContactCard], others: list[ContactCard], seen: object
) -> None:
    answer = look(Cards(*own, others=others), [ask])[7]
    assert type(answer) is seen if isinstance(seen, type) else answer == seen


def test_cards_that_the_owners_list_shows_cost_no_further_call() -> None:
    api = Cards(*(card(f"c{number}", f"m{number}@example.com") for number in range(50)))
    answers = look(api, [Ask(number, f"m{number}@example.com", f"c{number}") for number in range(50)])
    assert set(answers.values()) == {NOWHERE}
    assert api.asked == ["list"]


@pytest.mark.parametrize("unavailable", UNAVAILABLE)
def test_without_the_account_wide_list_what_is_not_shown_stays_so(unavailable: ApiError) -> None:
    own, other = card("c2", "b@example.com"), card("c1", "a@example.com", bought(7))
    answers = look(Cards(own, others=[other], account=unavailable), [ASK, Ask(8, "b@example.com", "c2")])
    assert isinstance(answers[7], NotShown)
    assert answers[8] == NOWHERE


@pytest.mark.parametrize(
    "failure",
    [
        RetriableError("no answer", api="SALESmanago"),
        BackpressureError("HTTP 429", api="SALESmanago"),
        RejectedError("no", api="SALESmanago"),
        FatalError("no", api="SALESmanago"),
    ],
)
@pytest.mark.parametrize("own", [[], [card("c1", "new@example.com")]])
def test_a_failure_of_the_account_wide_list_is_no_absence(failure: ApiError, own: list[ContactCard]) -> None:
    with pytest.raises(type(failure)):
        look(Cards(*own, others=[card("c9", "a@example.com", bought(7))], account=failure), [ASK])
    with pytest.raises(type(failure)):
        has_newer_purchase(Cards(account=failure), "a@example.com", 7, NOW)


def test_a_newer_purchase_of_another_owners_contact_keeps_its_newer_fields() -> None:
    api = Cards(others=[card("c1", "a@example.com", bought(8))])
    assert has_newer_purchase(api, "A@example.com", 7, NOW - timedelta(days=1))
    assert not has_newer_purchase(api, "a@example.com", 7, NOW)


def test_a_question_of_which_something_is_hidden_is_asked_account_wide_as_a_whole() -> None:
    """Its cards are then of one moment, and not the first ones older than the others by two calls."""
    stale, now = card("c1", "a@example.com"), card("c1", "a@example.com", bought(7))
    api = Cards(stale, others=[now, card("c2", "old@example.com")])
    answer = look(api, [Ask(7, "a@example.com", "c1", intended=frozenset({"c2"}))])[7]
    assert answer == Seen("e1", "c1", 1)


def test_a_purchase_shown_twice_is_one_and_two_events_are_two() -> None:
    twice = Cards(card("c1", "a@example.com", bought(7)), card("c1", "a@example.com", bought(7)))
    assert look(twice, [Ask(7, "a@example.com", "c1")]) == {7: Seen("e1", "c1", 1)}
    doubled = Cards(card("c1", "a@example.com", bought(7), bought(7, "e2")))
    assert look(doubled, [Ask(7, "a@example.com", "c1")])[7] == Seen("e1", "c1", 2)


def test_a_contact_bought_again_when_a_later_purchase_of_another_order_is_shown() -> None:
    later, cart = NOW + timedelta(days=1), ExtEvent("e3", "CART", "9", NOW + timedelta(days=1))
    api = Cards(card("c1", "a@example.com", bought(7), cart))
    assert not has_newer_purchase(api, "A@example.com", 7, NOW)
    api = Cards(card("c1", "a@example.com", ExtEvent("e2", "PURCHASE", "8", later)))
    assert has_newer_purchase(api, "A@example.com", 7, NOW)
    assert not has_newer_purchase(api, "A@example.com", 8, NOW)
    assert not has_newer_purchase(api, "A@example.com", 7, later)
