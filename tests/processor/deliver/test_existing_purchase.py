"""What the look at a contact's card finds, and what proves nothing."""

from datetime import timedelta

from clients import ContactCard, ExtEvent, RetriableError
from processor.deliver.existing_purchase import Ask, Seen, has_newer_purchase, look
from tests.processor.entries import NOW


class Cards:
    def __init__(self, *cards: ContactCard) -> None:
        self.cards = cards

    def contacts_by_email(self, emails: object) -> list[ContactCard]:
        return [card for card in self.cards if card.email in emails]  # type: ignore[operator]

    def contacts_by_id(self, ids: object) -> list[ContactCard]:
        return [card for card in self.cards if card.contact_id in ids]  # type: ignore[operator]


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
