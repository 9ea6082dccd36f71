"""SALESmanago's contacts and events, API v2, and the catalogue list, API v3 (docs/apis.md)."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Literal

from clients.cards import read_account_card, read_card
from clients.contacts import Catalog, Contact, ContactCard, PurchaseEvent
from clients.errors import ApiError, CallUnavailable, ContactGone, EventGone, FatalError, RetriableError
from clients.http import Answer, Http
from clients.parsing import as_bool, as_id, as_rows, as_text
from clients.salesmanago_answers import API, body_of, read_account_list, read_answer, read_v3, success_of
from clients.unavailable import Unavailable

log = logging.getLogger(__name__)
EventApi = Literal["auto", "v1", "v2"]
MOST_CARDS = 50
CARDS_SECONDS = 30.0  # cards of heavy contacts are megabytes; reading changes nothing, so it may take longer


class SalesManago:
    """Typed calls. Consent is never changed: every force flag is sent, false."""

    def __init__(
        self,
        http: Http,
        url: str,
        client_id: str,
        api_secret: str,
        api_key: str,
        owner: str,
        v3_url: str | None = None,
        v3_key: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        counted: Callable[[str], None] = lambda path: None,
        event_api: EventApi = "auto",
    ) -> None:
        self._http, self._url, self._owner, self._now = http, url.rstrip("/"), owner, now
        self._v3_url, self._v3_key = (v3_url or "").rstrip("/"), v3_key
        self._counted, self._event_api = counted, event_api
        self._only_v1: set[str] = set()  # paths that v2 turned out not to have
        self._unavailable = Unavailable(now)
        self._lock = Lock()
        sha = hashlib.sha1(f"{api_key}{client_id}{api_secret}".encode(), usedforsecurity=False).hexdigest()
        self._auth = {"clientId": client_id, "apiKey": api_key, "sha": sha}
        self._secrets = (sha, api_secret, api_key, *filter(None, (v3_key,)))

    def __repr__(self) -> str:
        return "SalesManago(…)"

    def upsert_contact(self, contact: Contact, *, before_write: Callable[[], None] | None = None) -> str:
        """Add or change one contact, at once; return its id."""
        flags = ("forceOptIn", "forceOptOut", "forcePhoneOptIn", "forcePhoneOptOut", "useApiDoubleOptIn")
        body = {"async": False, **contact.to_json(), **dict.fromkeys(flags, False)}
        return self._id(self._post("/contact/upsert", body, before_write), "contactId")

    def add_event(
        self, contact_id: str, event: PurchaseEvent, *, before_write: Callable[[], None] | None = None
    ) -> str:
        """Create the event, whatever is there already; return its id. Never call it without a look."""
        body = {"contactId": contact_id, "forceOptIn": False, "contactEvent": event.to_json()}
        return self._id(self._post_event("/contact/addContactExtEvent", body, before_write), "eventId")

    def update_event(
        self,
        contact_id: str,
        event_id: str,
        event: PurchaseEvent,
        *,
        before_write: Callable[[], None] | None = None,
    ) -> str:
        """Replace every field of an event; EventGone when it is not there."""
        body = {"contactId": contact_id, "contactEvent": {"eventId": event_id, **event.to_json()}}
        try:
            answer = self._post_event("/contact/updateContactExtEvent", body, before_write)
        except ContactGone as error:
            raise EventGone(str(error), api=API, code=error.code) from None
        return as_id(answer.get("eventId")) or event_id

    def delete_event(self, event_id: str) -> None:
        """Delete an event; EventGone when SALESmanago reports that it is not there.

        `result` is not read: it is "deleted" for an event that was there, and unknown for one that was not.
        """
        self._post("/contact/deleteContactExtEvent", {"eventId": event_id})

    def contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of at most 50 e-mails, with their events: of the owner's contacts only."""
        return self._cards("/contact/list", "email", emails)

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of at most 50 contact ids, with their events: of the owner's contacts only."""
        return self._cards("/contact/listById", "contactId", ids)

    def account_contacts_by_email(self, emails: Sequence[str]) -> list[ContactCard]:
        """Return the cards of at most 50 e-mails, whichever of the account's users is their owner.

        CallRefused or CallMissing where the account does not have this call; that is remembered for an hour.
        """
        return self._account_cards("/contact/listAll", "email", emails)

    def account_contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of at most 50 contact ids; otherwise as `account_contacts_by_email`."""
        return self._account_cards("/contact/listAllById", "contactId", ids)

    def users(self) -> list[str]:
        """Return the account's users (e-mails): the check of credentials that writes nothing."""
        users = self._post("/user/listByClient", {}).get("users")
        found = users if isinstance(users, list) else []
        return [as_text(user.get("email")) if isinstance(user, Mapping) else as_text(user) for user in found]

    def catalogs(self) -> list[Catalog]:
        """Return the product catalogues (API v3); FatalError without a key."""
        if not self._v3_url or not self._v3_key:
            raise FatalError("set SALESMANAGO_V3_API_KEY to list the product catalogues", api=API)
        self._counted("/v3/product/catalogList")
        body = read_v3(self._http.get_json(f"{self._v3_url}/product/catalogList", {"API-KEY": self._v3_key}))
        if isinstance(body, ApiError):
            raise body
        return [
            Catalog(
                as_text(row.get("catalogId")),
                as_text(row.get("name")),
                as_text(row.get("location")),
                as_text(row.get("currency")),
                as_bool(row.get("setAsDefault")),
            )
            for row in as_rows(body.get("catalogs"))
        ]

    def _cards(self, path: str, field: str, values: Sequence[str]) -> list[ContactCard]:
        if not _asks_for_any(values):
            return []
        body = self._post(path, {field: list(values)}, seconds=CARDS_SECONDS)
        return [card for row in as_rows(body.get("contacts")) if (card := read_card(row)) is not None]

    def _account_cards(self, path: str, field: str, values: Sequence[str]) -> list[ContactCard]:
        if not _asks_for_any(values):
            return []
        self._unavailable.check(path)
        fields = {field: list(values)}
        answer = self._send(path, fields, seconds=CARDS_SECONDS)
        body = read_account_list(answer, self._now(), self._secrets, fields)
        if isinstance(body, CallUnavailable):
            self._unavailable.note(path, body)
        if isinstance(body, ApiError):
            raise body
        return [card for row in as_rows(body.get("contacts")) if (card := read_account_card(row)) is not None]

    def _post_event(
        self, path: str, fields: Mapping[str, Any], before_write: Callable[[], None] | None
    ) -> Mapping[str, Any]:
        """POST to v2's path; to v1's where v2 does not have it (HTTP 404 or 405, which come before any effect).

        The second request passes `before_write` as the first did, and has what is left of the time of one call.
        """
        if self._event_api == "v1" or path in self._only_v1:
            return self._post(path, fields, before_write)
        began = time.monotonic()
        answer = self._send(f"/v2{path}", fields, before_write)
        if self._event_api == "v2" or answer.status not in {404, 405} or success_of(body_of(answer)) is True:
            return self._read(answer, fields)
        with self._lock:
            if path not in self._only_v1:
                self._only_v1.add(path)
                log.warning("SALESmanago has no /v2%s (HTTP %s): using API v1's path", path, answer.status)
        left = self._http.seconds - (time.monotonic() - began)
        if left <= 0:
            raise RetriableError("the answer took too long", api=API, may_have_applied=False)
        return self._post(path, fields, before_write, left)

    def _post(
        self,
        path: str,
        fields: Mapping[str, Any],
        before_write: Callable[[], None] | None = None,
        seconds: float | None = None,
    ) -> Mapping[str, Any]:
        return self._read(self._send(path, fields, before_write, seconds), fields)

    def _send(
        self,
        path: str,
        fields: Mapping[str, Any],
        before_write: Callable[[], None] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        self._counted(path)
        milliseconds = round(self._now().timestamp() * 1000)
        body = {**self._auth, "requestTime": milliseconds, "owner": self._owner, **fields}
        return self._http.post_json(self._url + path, body, before_write, seconds)

    def _read(self, answer: Answer, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        found = read_answer(answer, self._now(), self._secrets, fields)
        if isinstance(found, ApiError):
            raise found
        return found

    @staticmethod
    def _id(body: Mapping[str, Any], name: str) -> str:
        found = as_id(body.get(name))
        if not found:
            raise RetriableError(f"the answer says success but names no {name}", api=API, may_have_applied=True)
        return found


def _asks_for_any(values: Sequence[str]) -> bool:
    if len(values) > MOST_CARDS:
        raise ValueError(f"at most {MOST_CARDS} cards a request")
    return bool(values)
