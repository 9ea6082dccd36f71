"""What the look at a contact's card finds, and what proves nothing."""

from clients import ContactCard, ExtEvent, RetriableError
from processor.deliver.existing_purchase import Ask, Seen, look
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
