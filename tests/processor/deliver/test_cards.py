"""The one place that reads contacts' cards, for those who ask for e-mails or contacts alone."""

from collections.abc import Sequence

from clients import ContactCard
from processor.deliver.cards import CardsOf, find_cards
from tests.processor.deliver.test_existing_purchase import UNAVAILABLE, Cards, card

OWN, OTHERS = card("c1", "a@example.com"), card("c2", "b@example.com")


def test_an_e_mail_or_a_contact_may_be_asked_for_alone() -> None:
    for questions in (
        [CardsOf("A@example.com"), CardsOf("b@example.com")],
        [CardsOf(contacts=frozenset({"c1"})), CardsOf(contacts=frozenset({"c2"}))],
    ):
        assert find_cards(Cards(OWN, others=[OTHERS]), questions) == [OWN, OTHERS]
        for unavailable in UNAVAILABLE:
            assert find_cards(Cards(OWN, others=[OTHERS], account=unavailable), questions) == [OWN]


def test_only_what_is_not_shown_is_asked_for_account_wide_and_never_more_than_50_at_once() -> None:
    sizes: list[tuple[str, int]] = []

    class Counting(Cards):
        def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
            sizes.append(("listById", len(ids)))
            return super().contacts_by_id(ids)

        def account_contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
            sizes.append(("listAllById", len(ids)))
            return super().account_contacts_by_id(ids)

    shown = [card(f"c{number}", f"m{number}@example.com") for number in range(120)]
    api = Counting(*shown[:50], others=shown[50:])
    found = find_cards(api, [CardsOf(contacts=frozenset({one.contact_id})) for one in shown])
    assert sorted(one.contact_id for one in found) == sorted(one.contact_id for one in shown)
    assert sizes == [("listById", 50), ("listById", 50), ("listById", 20), ("listAllById", 50), ("listAllById", 20)]
