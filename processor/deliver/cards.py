"""Finds contacts' cards: the owner's own first, then, where one is not shown, the account's. All readers use this.

`contact/list` shows the contacts of the request's owner, the account-wide calls those of all its users (docs/apis.md,
Contacts). Where the account does not have these, what is not shown stays so, and proves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clients import CallUnavailable, ContactCard

CARDS_A_CALL = 50


class Cards(Protocol):
    """The part of the SALESmanago client that reads cards."""

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these e-mails."""

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these contact ids."""

    def account_contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these e-mails, whoever owns them; CallUnavailable."""

    def account_contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of these contact ids, whoever owns them; CallUnavailable."""


class Question(Protocol):
    """Whose cards are wanted: those of an e-mail ("" = of none), and of contacts by their ids."""

    @property
    def email(self) -> str:
        """Any case."""

    @property
    def contacts(self) -> frozenset[str]:
        """Ids."""


@dataclass(frozen=True, slots=True, repr=False)
class CardsOf:
    """A question by itself."""

    email: str = ""
    contacts: frozenset[str] = frozenset()


def find_cards(api: Cards, questions: Sequence[Question]) -> list[ContactCard]:
    """Return the cards, in no order; one may come twice. ApiError as SALESmanago fails, but never CallUnavailable.

    A question with anything not shown is asked again account-wide as a whole, so that its answer is not put together
    from an old look and a new one.
    """
    cards = _read(api.contacts_by_email, api.contacts_by_id, questions)
    if hidden := _not_shown(questions, cards):
        cards += _read(_if_available(api.account_contacts_by_email), _if_available(api.account_contacts_by_id), hidden)
    return cards


Read = Callable[[Sequence[str]], list[ContactCard]]


def _read(by_email: Read, by_id: Read, questions: Sequence[Question]) -> list[ContactCard]:
    """By e-mail, then by the ids of the contacts that are not shown yet."""
    cards = _in_calls(by_email, {question.email.lower() for question in questions if question.email})
    contacts = {contact for question in questions for contact in question.contacts}
    return cards + _in_calls(by_id, contacts - {card.contact_id for card in cards})


def _in_calls(read: Read, values: Iterable[str]) -> list[ContactCard]:
    ordered = sorted(values)
    parts = [ordered[start : start + CARDS_A_CALL] for start in range(0, len(ordered), CARDS_A_CALL)]
    return [card for part in parts for card in read(part)]


def _not_shown(questions: Sequence[Question], cards: Sequence[ContactCard]) -> list[Question]:
    emails, contacts = {card.email.lower() for card in cards} | {""}, {card.contact_id for card in cards}
    return [one for one in questions if one.email.lower() not in emails or not one.contacts <= contacts]


def _if_available(read: Read) -> Read:
    def read_or_nothing(values: Sequence[str]) -> list[ContactCard]:
        try:
            return read(values)
        except CallUnavailable:
            return []

    return read_or_nothing
