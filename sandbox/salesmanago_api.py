"""A stand-in of SALESmanago as docs/apis.md describes it: does not de-duplicate external ids."""

import asyncio
import hashlib
import re
import time
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.baselinker_api import apply_switches
from sandbox.contacts import Contacts
from sandbox.faults import Faults

ACCOUNT_LISTS = frozenset({"contact/listAll", "contact/listAllById"})
EVENT_PATHS = frozenset({"contact/addContactExtEvent", "contact/updateContactExtEvent"})
LIMITS = {"products": 512, "description": 2048, "location": 36, "externalId": 255}


@dataclass(slots=True)
class Switches:
    """The open readings, and what a test wants to happen."""

    latency: float = 0.0
    auth_ok: bool = True
    over_long: str = "refuse"  # or cut
    list_late_seconds: float = 0.0  # an event is listed only so long after it was made
    contact_late_seconds: float = 0.0  # a new contact is listed only so long after it was made
    heavy_list_seconds: float = 0.0  # a list takes so much longer for each heavy contact in it
    reject_email: str = ""
    reject_emails: list[str] = field(default_factory=list)
    refuse_contacts: bool = False
    delete_result: bool | str | None = "deleted"  # `result` of a deletion that succeeds
    delete_gone: str = "refuse"  # or accept: the deletion of an event that is not there
    event_api: str = "both"  # or v1, v2: the version whose paths of single events exist
    absent_status: int = 404  # of a path that does not exist; or 405
    xml_feed: bool = False  # the e-shop is an XML feed: not among the product catalogues
    refuse_purchases: bool = False  # new ones, as with an e-shop that does not exist
    other_users: list[str] = field(default_factory=list)  # users of the account besides the owner of the settings
    co_owner: bool = True  # an upsert adds its user to the owners of somebody else's contact
    account_list: str = "allowed"  # or denied (success false), 403, 404: the lists of everybody's contacts


class SalesManagoApi:
    """Contacts and events in memory; `writes` is the log of every effect, in order."""

    def __init__(
        self,
        client_id: str,
        api_secret: str,
        owner: str,
        v3_key: str,
        location: str,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id, self._secret, self._owner = client_id, api_secret, owner
        self._v3_key, self._location, self._clock = v3_key, location, clock
        self.switches, self.faults = Switches(), Faults(seed)
        self.requests: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()  # as they were asked, with their version
        self.violations: list[str] = []
        self.contacts = Contacts(clock)
        self.events: dict[str, dict[str, Any]] = {}
        self.writes: list[dict[str, Any]] = []
        self._events_of: dict[str, list[str]] = {}
        self.app = web.Application(client_max_size=2**24)
        self.app.router.add_get("/v3/product/catalogList", self._catalogs)
        self.app.router.add_get("/_sandbox/state", self._state)
        self.app.router.add_post("/_sandbox/asked", self.faults.tell)
        self.app.router.add_post("/_sandbox/switches", self._switch)
        self.app.router.add_post("/_sandbox/heavy", self._heavy)
        self.app.router.add_post("/api/{path:.*}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        version, path = _version(request.match_info["path"])
        if path in EVENT_PATHS and self.switches.event_api not in {"both", version}:
            return web.Response(status=self.switches.absent_status, text="Not here")
        try:
            given = await request.json()
        except ValueError:
            return web.json_response({"success": False, "message": ["Malformed JSON"]})
        self.requests[path] += 1
        self.paths[request.match_info["path"]] += 1
        if self.switches.latency:
            await asyncio.sleep(self.switches.latency)
        if path in ACCOUNT_LISTS and self.switches.account_list in {"403", "404"}:
            return web.Response(status=int(self.switches.account_list), text="Not for you")
        about = self._about(given)
        if (played := await self.faults.play(request, path, after=False, about=about)) is not None:
            return played
        answer = self._answer(path, given)
        if self.switches.heavy_list_seconds and "list" in path:
            heavy = sum(card["contactId"] in self.contacts.histories for card in answer.get("contacts", ()))
            await asyncio.sleep(heavy * self.switches.heavy_list_seconds)
        if (played := await self.faults.play(request, path, after=True, about=about)) is not None:
            return played
        return web.json_response(answer)

    def _about(self, given: Mapping[str, Any]) -> list[str]:
        """The order of the event in a request, or the e-mails of the contacts: what is the same in every run."""
        event, contact = given.get("contactEvent") or {}, given.get("contact") or {}
        if event.get("externalId"):
            return [str(event["externalId"])]
        asked, ids = given.get("email") or contact.get("email") or [], given.get("contactId") or []
        emails = [asked] if isinstance(asked, str) else asked
        known = [self.contacts.by_id.get(one, {}).get("email", "") for one in ([ids] if isinstance(ids, str) else ids)]
        return sorted(str(email).strip().lower() for email in [*emails, *known])

    def _answer(self, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        text = f"{given.get('apiKey', '')}{self._client_id}{self._secret}"
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        if given.get("clientId") != self._client_id or given.get("sha") != sha or not self.switches.auth_ok:
            return _no("User not authenticated")
        users = [self._owner, *self.switches.other_users]
        calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "user/listByClient": lambda _: {"success": True, "message": [], "users": [{"email": one} for one in users]},
            "contact/upsert": self._upsert,
            "contact/addContactExtEvent": self._add,
            "contact/updateContactExtEvent": self._update,
            "contact/deleteContactExtEvent": self._delete,
            "contact/list": lambda body: self._list(body, body["owner"]),
            "contact/listById": lambda body: self._list(body, body["owner"]),
            "contact/listAll": lambda body: self._list(body, None),
            "contact/listAllById": lambda body: self._list(body, None),
            "contact/hasContact": self._has,
        }
        if path not in calls:
            return _no("Unknown method")
        if path != "user/listByClient" and given.get("owner") not in users:
            return _no("Owner not found")
        if path in ACCOUNT_LISTS and self.switches.account_list == "denied":
            return _no("Access denied")
        return calls[path](given)

    def _upsert(self, given: Mapping[str, Any]) -> dict[str, Any]:
        contact = given.get("contact") or {}
        email = str(contact.get("email", "")).strip()
        if not email:
            return _no("No email specified")
        if self.switches.refuse_contacts:
            return _no("Contact refused")
        rejected = [self.switches.reject_email, *self.switches.reject_emails]
        if email.lower() in {one.lower() for one in rejected if one}:
            return _no(f"Wrong email {email}")
        for flag in ("forceOptIn", "forceOptOut", "forcePhoneOptIn", "forcePhoneOptOut"):
            if given.get(flag) is not False:
                self.violations.append(f"{flag} is {given.get(flag)!r}: consent would be changed")
        contact_id = self.contacts.find_or_add(email, given["owner"])
        if self.switches.co_owner:
            self.contacts.add_owner(contact_id, given["owner"])
        card = self.contacts.by_id[contact_id]
        card |= {name: value for name, value in contact.items() if value and name != "email"}
        card["tags"] = sorted({*card["tags"], *(_tag(tag) for tag in given.get("tags", []))})
        self._wrote("contact", contact_id=contact_id, email=email.lower(), name=str(contact.get("name", "")))
        return {"success": True, "message": [], "contactId": contact_id, "externalId": ""}

    def _add(self, given: Mapping[str, Any]) -> dict[str, Any]:
        contact_id = given.get("contactId") or self.contacts.find(given.get("email"))
        event = dict(given.get("contactEvent") or {})
        if contact_id not in self.contacts.by_id:
            return {"success": True, "message": [], "eventId": str(uuid.uuid4())}  # parked, then dropped silently
        if self.switches.refuse_purchases:
            return _no("Location not found")
        if (wrong := self._too_long(event)) is not None:
            return wrong
        event_id = str(uuid.uuid4())
        self.events[event_id] = {**event, "eventId": event_id, "contactId": contact_id, "added": self._clock()}
        self._events_of.setdefault(contact_id, []).append(event_id)
        self._wrote(
            "event",
            contact_id=contact_id,
            email=self.contacts.by_id[contact_id]["email"],
            event_id=event_id,
            external_id=event.get("externalId"),
            description=event.get("description", ""),
        )
        return {"success": True, "message": [], "eventId": event_id}

    def _update(self, given: Mapping[str, Any]) -> dict[str, Any]:
        event = dict(given.get("contactEvent") or {})
        known = self.events.get(str(event.get("eventId")))
        if known is None:
            return _no("Event not found")
        if (wrong := self._too_long(event)) is not None:
            return wrong
        kept = {name: known[name] for name in ("eventId", "contactId", "added")}
        self.events[known["eventId"]] = {**event, **kept}
        self._wrote(
            "update",
            contact_id=known["contactId"],
            event_id=known["eventId"],
            external_id=event.get("externalId"),
            description=event.get("description", ""),
        )
        return {"success": True, "message": [], "eventId": known["eventId"]}

    def _delete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        event = self.events.pop(str(given.get("eventId")), None)
        if event is None and self.switches.delete_gone == "refuse":
            return _no("Event not found")
        return {"success": True, "message": [], "result": self.switches.delete_result}

    def _has(self, given: Mapping[str, Any]) -> dict[str, Any]:
        contact_id = self.contacts.find(given.get("email"))
        return {"success": True, "message": [], "result": contact_id is not None, "contactId": contact_id}

    def _list(self, given: Mapping[str, Any], owner: str | None) -> dict[str, Any]:
        ids = [*map(self.contacts.find, given.get("email", [])), *given.get("contactId", [])]
        if len(ids) > 50:
            return _no("Too many contacts in the request")
        shown_until = self._clock() - self.switches.list_late_seconds
        cards = []
        for card in self.contacts.shown(ids, owner, self.switches.contact_late_seconds):
            contact_id = card["contactId"]
            events = [
                {key: value for key, value in event.items() if key not in {"contactId", "added"}}
                for event_id in self._events_of.get(contact_id, ())
                if (event := self.events.get(event_id)) is not None and event["added"] <= shown_until
            ] + self.contacts.histories.get(contact_id, [])
            tags = [{"tag": tag} for tag in card["tags"]]
            cards.append({**card, "contactTags": tags, "contactExtEvents": events})
        return {"success": True, "message": [], "contacts": cards}

    def _too_long(self, event: dict[str, Any]) -> dict[str, Any] | None:
        for name, value in list(event.items()):
            limit = LIMITS.get(name, 255)
            if isinstance(value, str) and len(value) > limit:
                if self.switches.over_long == "refuse":
                    self.violations.append(f"{name} has {len(value)} characters, {limit} are allowed")
                    return _no(f"{name} too long")
                event[name] = value[:limit]
        return None

    def _wrote(self, kind: str, **what: Any) -> None:
        self.writes.append({"at": self._clock(), "kind": kind, **what})

    async def _catalogs(self, request: web.Request) -> web.Response:
        if request.headers.get("API-KEY") != self._v3_key:
            return web.json_response({"reasonCode": 10, "messages": ["Authentication failed"]}, status=400)
        places = ["catalogue_1", "catalogue_2"] if self.switches.xml_feed else [self._location]
        listed = [
            {
                "catalogId": f"c{number}",
                "name": "Sklep",
                "setAsDefault": number == 1,
                "currency": "PLN",
                "location": one,
            }
            for number, one in enumerate(places, 1)
        ]
        return web.json_response({"requestId": "r", "catalogs": listed, "limits": {"max": 10}})

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "contacts": list(self.contacts.by_id.values()),
                "events": list(self.events.values()),
                "writes": self.writes,
                "requests": dict(self.requests),
                "paths": dict(self.paths),
                "violations": self.violations,
                "faults": dict(self.faults.played),
            }
        )

    async def _heavy(self, request: web.Request) -> web.Response:
        return web.json_response({"contactId": self.contacts.give_history(await request.json(), self._owner)})

    async def _switch(self, request: web.Request) -> web.Response:
        return apply_switches(self.switches, self.faults, await request.json())


def _version(path: str) -> tuple[str, str]:
    return ("v2", path.removeprefix("v2/")) if path.startswith("v2/") else ("v1", path)


def _no(message: str) -> dict[str, Any]:
    return {"success": False, "message": [message]}


def _tag(tag: str) -> str:
    plain = unicodedata.normalize("NFKD", str(tag).upper().replace("Ł", "L"))
    return re.sub(
        r"[^A-Z0-9\-(\[{)\]}_ ]", "_", "".join(letter for letter in plain if not unicodedata.combining(letter))
    )
