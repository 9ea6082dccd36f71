"""Which address has what: masked, and in words for every case."""

from collections.abc import Sequence

import pytest

from clients import ContactCard
from console import timeline
from console.words import Words
from operations.addresses import lines, mask, read_addresses
from schemas.records import Delivery, Outcome
from tests.processor.entries import row


class Cards:
    """SALESmanago's reading side; counts its requests."""

    def __init__(self, *cards: ContactCard) -> None:
        self._cards, self.requests = cards, 0

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these ids."""
        self.requests += bool(ids)
        return [card for card in self._cards if card.contact_id in ids]

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these e-mails."""
        self.requests += bool(emails)
        return [card for card in self._cards if card.email in emails]

    def account_contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Nobody else owns contacts."""
        return []

    def account_contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Nobody else owns contacts."""
        return []


OLD, NEW = ContactCard("c1", "jan@example.com", (), ()), ContactCard("c2", "ewa.nowak@poczta.pl", (), ())


def told(email: str, known: Delivery | None, *cards: ContactCard) -> tuple[str, int]:
    """What is said, and how many requests it took."""
    sales = Cards(*cards)
    found = read_addresses(sales, email, known)  # type: ignore[arg-type]
    if found is None:
        return "", sales.requests
    for language in ("en", "pl"):
        page = " ".join(timeline.addresses(found, Words(language)))
        assert "ewa" not in page and "jan@" not in page
    return " | ".join(lines(found)), sales.requests


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("jan@example.com", "j…@e…e.com"),
        ("ewa@poczta.example.co.uk", "e…@p…o.uk"),
        ("x@wp.pl", "x…@w….pl"),
        ("", ""),
    ],
)
def test_a_masked_address_shows_no_more_than_is_needed_to_tell_it_apart(email: str, shown: str) -> None:
    assert mask(email) == shown


def test_text_that_is_no_address_is_not_shown_either() -> None:
    assert "Kowalski" not in mask("Jan Kowalski") and "601234567" not in mask("601234567")


def test_an_order_whose_address_was_not_edited_takes_one_request() -> None:
    assert told("Jan@example.com", row(), OLD, NEW) == (
        "address now\tj…@e…e.com, contact written | purchase\ton the contact of this address (c1)",
        1,
    )


def test_a_purchase_on_an_earlier_addresss_contact_is_reported_as_that() -> None:
    said, requests = told("ewa.nowak@poczta.pl", row(), OLD, NEW)
    assert said == (
        "address now\te…@p…a.pl, contact written | purchase\ton the contact of an earlier address, j…@e…e.com (c1):"
        " it stays with the person it was created for"
    )
    assert requests == 2
    assert "contact not written" in told("ewa.nowak@poczta.pl", row(), OLD)[0]


def test_without_a_purchase_the_contact_written_last_is_named() -> None:
    contact_alone = row(reason="contact", event_id=None)
    said, _ = told("ewa.nowak@poczta.pl", contact_alone, OLD)
    assert said.endswith("| written last\ton the contact of an earlier address, j…@e…e.com (c1)")


def test_a_card_that_is_not_shown_is_no_earlier_address() -> None:
    said, _ = told("ewa.nowak@poczta.pl", row(), NEW)
    assert said.endswith("purchase\ton contact c1, which SALESmanago does not show: was it merged or deleted?")


@pytest.mark.parametrize("known", [None, row(outcome=Outcome.SKIPPED, contact_id=None, event_id=None)])
def test_where_the_ledger_names_no_contact_nothing_is_asked(known: Delivery | None) -> None:
    assert told("jan@example.com", known, OLD) == ("", 0)


@pytest.mark.parametrize("email", ["", "no-address"])
def test_only_an_address_that_can_be_written_to_is_asked_for(email: str) -> None:
    assert told(email, row(), OLD)[1] == 1
