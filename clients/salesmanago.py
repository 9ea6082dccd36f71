"""SALESmanago's contacts and events, API v2, and the catalogue list, API v3 (docs/apis.md)."""

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Literal

from clients.contacts import Catalog, Contact, ContactCard, ExtEvent, PurchaseEvent
from clients.errors import (
    ApiError,
    BackpressureError,
    ContactGone,
    EventGone,
    FatalError,
    RejectedError,
    RetriableError,
    clean,
    without,
    words_of,
)
from clients.http import Answer, Http
from clients.parsing import as_bool, as_id, as_int, as_map, as_millis, as_rows, as_text
from clients.retry_after import asks_to_wait, failed_itself, retry_after

log = logging.getLogger(__name__)
EventApi = Literal["auto", "v1", "v2"]
API = "SALESmanago"
MOST_CARDS = 50
CARDS_SECONDS = 30.0  # cards of heavy contacts are megabytes; reading changes nothing, so it may take longer
_WAIT = re.compile(r"\brate.?limit|\brequests? limit|\blimit of requests|too many (?:requests|calls|connections)")
_FAILED = re.compile(r"internal|try again|time(?:d )?.?out|unavailable|temporarily|overload|maintenance|deadlock")
_REFUSED = re.compile(
    r"authenticat|unauthor|access denied"
    r"|\b(?:invalid|wrong|bad|incorrect|unknown) (?:sha|api.?key|api.?secret|client.?id|credentials)\b"
)
_OWNER = re.compile(r"\bowner\b")
MEND = "check SALESMANAGO_CLIENT_ID, SALESMANAGO_API_SECRET and SALESMANAGO_API_URL (Integration Center → API v2)"


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
        """Return the cards of at most 50 e-mails, with their events."""
        return self._cards("/contact/list", "email", emails)

    def contacts_by_id(self, ids: Sequence[str]) -> list[ContactCard]:
        """Return the cards of at most 50 contact ids, with their events."""
        return self._cards("/contact/listById", "contactId", ids)

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
        if len(values) > MOST_CARDS:
            raise ValueError(f"at most {MOST_CARDS} cards a request")
        if not values:
            return []
        body = self._post(path, {field: list(values)}, seconds=CARDS_SECONDS)
        return [_card(row) for row in as_rows(body.get("contacts")) if _shows_its_events(row)]

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
        if self._event_api == "v2" or answer.status not in {404, 405} or _success(_body(answer)) is True:
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


def read_answer(
    answer: Answer, now: datetime, secrets: Sequence[str] = (), sent: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer of API v2 to its body, or to the error it is. The only place that does.

    What was `sent` is left out of the error's text.

    Only a `success` that is false in so many words, and HTTP's own refusals, say that nothing was done.
    """
    body = _body(answer)
    success = _success(body)
    if asks_to_wait(answer) and success is not True:
        return BackpressureError(
            f"SALESmanago asks to wait (HTTP {answer.status})",
            api=API,
            retry_at=retry_after(answer, now),
            may_have_applied=True,
        )
    if not isinstance(body, Mapping) or success is None:
        if isinstance(body, Mapping) and answer.status in {401, 403}:
            return FatalError(f"SALESmanago refuses the credentials (HTTP {answer.status}): {MEND}", api=API)
        return RetriableError(
            f"the answer is not SALESmanago's JSON (HTTP {answer.status}); if it stays so, check SALESMANAGO_API_URL",
            api=API,
        )
    if success:
        return body if answer.status < 400 else RetriableError(f"HTTP {answer.status} with success", api=API)
    return _failure(answer, body, now, secrets, sent or {})


def _body(answer: Answer) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return json.loads(answer.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _success(body: object) -> bool | None:
    """True or false as the answer says it; None where it says neither."""
    said = body.get("success") if isinstance(body, Mapping) else None
    if as_bool(said):
        return True
    no = said is False or (not isinstance(said, bool) and as_text(said).lower() in {"false", "0"})
    return False if no else None


def _failure(
    answer: Answer, body: Mapping[str, Any], now: datetime, secrets: Sequence[str], sent: Mapping[str, Any]
) -> ApiError:
    messages = body.get("message")
    text = "; ".join(as_text(part) for part in messages[:10]) if isinstance(messages, list) else as_text(messages)
    low = clean(text, secrets).lower()  # without e-mails: a buyer's name must not decide what the failure is
    said = without(clean(text, secrets), words_of(sent)) or "no reason given"
    if answer.status in {401, 403} or _REFUSED.search(low):
        return FatalError(f"SALESmanago refuses the credentials ({said}): {MEND}", api=API)
    if _WAIT.search(low):
        return BackpressureError(f"SALESmanago asks to wait ({said})", api=API, retry_at=retry_after(answer, now))
    if failed_itself(answer) or _FAILED.search(low):
        return RetriableError(f"SALESmanago failed ({said}, HTTP {answer.status})", api=API)
    missing = "not found" in low or "not exist" in low or "no such" in low or "unknown" in low
    if missing and "event" in low:
        return EventGone(f"the event is not in SALESmanago any more ({said})", api=API)
    if missing and "contact" in low:
        return ContactGone(f"the contact is not in SALESmanago ({said})", api=API)
    if _OWNER.search(low):
        return FatalError(f"SALESmanago refuses the owner ({said}): check SALESMANAGO_OWNER", api=API)
    return RejectedError(f"SALESmanago refuses this ({said})", api=API)


def read_v3(answer: Answer) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer of API v3."""
    body = _body(answer)
    if not isinstance(body, Mapping):
        return RetriableError(f"the v3 answer is not JSON (HTTP {answer.status})", api=API, may_have_applied=False)
    problems = [body, *as_rows(body.get("problems"))]
    codes = {as_int(problem.get("reasonCode")) for problem in problems}
    if 10 in codes or answer.status in {401, 403}:
        return FatalError("SALESmanago refuses the v3 key: check SALESMANAGO_V3_API_KEY", api=API, code="10")
    if answer.status >= 400:
        return RetriableError(f"the v3 API failed (HTTP {answer.status})", api=API, may_have_applied=False)
    return body


def _shows_its_events(row: Mapping[str, Any]) -> bool:
    """Whether the card's events can be read: else it is as good as not shown, which is no absence of events."""
    events = row.get("contactExtEvents")
    if events is None or events == "":
        return True
    found = list(events.values()) if isinstance(events, Mapping) else events
    return isinstance(found, list) and all(isinstance(event, Mapping) for event in found)


def _card(row: Mapping[str, Any]) -> ContactCard:
    def first(found: Mapping[str, Any], *names: str) -> Any:
        return next((found[name] for name in names if found.get(name) not in (None, "")), None)

    events = tuple(
        ExtEvent(
            as_id(first(event, "eventId", "id", "contactExtEventId")),
            as_text(first(event, "contactExtEventType", "type", "eventType")),
            as_text(first(event, "externalId")),
            as_millis(first(event, "date")),
            event,
        )
        for event in as_rows(row.get("contactExtEvents"))
    )
    tags = tuple(
        as_text(tag.get("tag")) if isinstance(tag, Mapping) else as_text(tag)
        for tag in (as_map(row.get("contactTags") or row.get("tags"))).values()
    )
    return ContactCard(as_id(first(row, "contactId", "id")), as_text(row.get("email")), tags, events)
