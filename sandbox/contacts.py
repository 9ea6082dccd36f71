"""The contacts of SALESmanago's stand-in: by id and e-mail, each with its owners, who are users of the account."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


class Contacts:
    """A contact's first owner is its main one. `histories` = events that other systems wrote, by contact id."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.by_id: dict[str, dict[str, Any]] = {}
        self.by_email: dict[str, str] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self._owners: dict[str, list[str]] = {}
        self._made_at: dict[str, float] = {}

    def find(self, email: object) -> str | None:
        """Return a contact's id by its e-mail."""
        return self.by_email.get(str(email).lower())

    def find_or_add(self, email: str, owner: str) -> str:
        """Return a contact's id; one that is not there yet gets this owner."""
        return self.find(email) or self._add(email.strip().lower(), owner)

    def add_owner(self, contact_id: str, owner: str) -> None:
        """Make a user one of a contact's owners."""
        if owner not in self._owners[contact_id]:
            self._owners[contact_id].append(owner)

    def shown(self, ids: Iterable[str | None], owner: str | None, late_seconds: float) -> Iterator[dict[str, Any]]:
        """Yield those that a list shows: the owner's (None = anybody's), once they were made so long ago."""
        made_until = self._clock() - late_seconds
        for contact_id in dict.fromkeys(ids):
            if contact_id is None or contact_id not in self.by_id or self._made_at[contact_id] > made_until:
                continue
            if owner is None or owner in self._owners[contact_id]:
                yield self.by_id[contact_id]

    def give_history(self, given: Mapping[str, Any], owner: str) -> str:
        """Give a contact a history: `{email, events: count}`, visits and purchases of other systems; return its id."""
        contact_id = self.find_or_add(str(given["email"]), owner)
        now = round(self._clock() * 1000)
        self.histories[contact_id] = [
            {
                "eventId": str(uuid.uuid4()),
                "contactExtEventType": ("PURCHASE", "CART", "VISIT", "OTHER")[number % 4],
                "externalId": f"OTHER-{number}",
                "date": now - 60_000 * number,
                "description": "from another shop",
                "products": "1,2,3",
                "value": 10.5,
            }
            for number in range(int(given["events"]))
        ]
        return contact_id

    def _add(self, email: str, owner: str) -> str:
        contact_id = str(uuid.uuid4())
        self.by_email[email] = contact_id
        self.by_id[contact_id] = {"contactId": contact_id, "email": email, "optedOut": True, "tags": []}
        self.by_id[contact_id] |= {"id": contact_id, "mainContactOwner": owner}
        self._owners[contact_id] = [owner]
        self._made_at[contact_id] = self._clock()
        return contact_id
