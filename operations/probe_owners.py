"""What `bl2sm probe` finds out about contacts' owners: each fact is a question and what was seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from clients import CallMissing, CallRefused, CallUnavailable, ContactCard, SalesManago
from operations.apis import UNKNOWN_CONTACT

UNKNOWN_EMAIL = "bl2sm-probe-unknown@example.com"


@dataclass(frozen=True, slots=True)
class Seen:
    """A contact's cards in the owner's list and in the account's; None = the account does not have that call."""

    own: Sequence[ContactCard]
    account: Sequence[ContactCard] | None


def account_lists(sales: SalesManago) -> Iterator[tuple[str, str]]:
    """Whether the account-wide lists may be asked; reads only, of contacts that do not exist."""
    yield "an unknown contact in listAll", _answer(lambda: sales.account_contacts_by_email([UNKNOWN_EMAIL]))
    yield "an unknown contact in listAllById", _answer(lambda: sales.account_contacts_by_id([UNKNOWN_CONTACT]))


def read_lists(sales: SalesManago, email: str) -> Seen:
    """Ask both lists for an e-mail."""
    own = sales.contacts_by_email([email])
    try:
        return Seen(own, sales.account_contacts_by_email([email]))
    except CallUnavailable:
        return Seen(own, None)


def owners(before: Seen, after: Seen, owner: str) -> Iterator[tuple[str, str]]:
    """What the upsert between made of a contact's owners, as far as it shows that; `owner` is whose upsert it was."""
    yield "the test contact in contact/list", f"{len(after.own)} cards"
    account = "not allowed" if after.account is None else f"{len(after.account)} cards"
    yield "the test contact in contact/listAll", account
    named = {card.main_owner.lower() for card in [*after.own, *(after.account or ())]} - {""}
    yield "its main owner is SALESMANAGO_OWNER", _yes(named == {owner.lower()}) if named else "not seen"
    another = bool(before.account) and not before.own
    yield (
        "an upsert shows another user's contact in contact/list",
        _yes(bool(after.own)) if another else "not seen: give the e-mail of a contact that only another user owns",
    )


def _answer(read: Callable[[], Sequence[ContactCard]]) -> str:
    try:
        return f"{len(read())} cards"
    except CallRefused:
        return "refused"
    except CallMissing:
        return "no such call"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
