"""A stand-in of BaseLinker as docs/apis.md describes it; what is open there is a switch here."""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from sandbox.faults import Fault, Faults
from sandbox.shop import Shop

PAGE = 100


@dataclass(slots=True)
class Switches:
    """The open readings."""

    cursor: str = "inclusive"  # or exclusive: does last_log_id itself come back
    journal: bool = True
    journal_page: int = 100
    log_id_name: str = "log_id"  # or id
    types: str = "new"  # or old: the 2022 shapes
    content_type: str = "text/html"
    phone: str = "last9"  # or exact
    digit_strings: bool = True
    limit: int = 100
    block_seconds: int = 600
    token_ok: bool = True
    hidden_log_ids: list[int] = field(default_factory=list)
    refuse_orders: list[int] = field(default_factory=list)  # an answer that would hold one of these is an error
    blocked_until: float = 0.0  # unix seconds: the token is blocked on demand, as if others had asked too much


class BaseLinkerApi:
    """Serves a shop; counts what is asked."""

    def __init__(self, shop: Shop, token: str, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.shop, self._token, self._clock = shop, token, clock
        self.switches, self.faults = Switches(), Faults(seed)
        self.requests: Counter[str] = Counter()
        self.blocks = 0
        self.most_a_minute = 0
        self.asked_while_blocked = 0
        self.earlier: dict[int, list[dict[str, Any]]] = {}  # an order's states before each edit
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._shown_at: dict[int, float] = {}  # log ids that the journal shows late
        self.app = web.Application(client_max_size=2**24)
        self.app.router.add_post("/connector.php", self._serve)
        self.app.router.add_get("/_sandbox/state", self._state)
        self.app.router.add_post("/_sandbox/asked", self.faults.tell)
        self.app.router.add_post("/_sandbox/switches", self._switch)
        self.app.router.add_post("/_sandbox/orders", self._edit)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        method = str(form.get("method", ""))
        parameters = str(form.get("parameters", "") or "{}")
        if (played := await self.faults.play(request, method, after=False, about=[parameters])) is not None:
            return played
        body = self._answer(request, method, parameters)
        if (played := await self.faults.play(request, method, after=True, about=[parameters])) is not None:
            return played
        return web.Response(text=json.dumps(body), content_type=self.switches.content_type)

    def _answer(self, request: web.Request, method: str, parameters: str) -> dict[str, Any]:
        token = request.headers.get("X-BLToken", "")
        if not token:
            return _error("ERROR_EMPTY_TOKEN", "No user token provided.")
        if token != self._token or not self.switches.token_ok:
            return _error("ERROR_BAD_TOKEN", "Invalid user token")
        if (blocked := self._limit()) is not None:
            return blocked
        self.requests[method] += 1
        calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "getJournalList": self._journal,
            "getOrders": self._orders,
            "getOrdersByPhone": self._by_phone,
            "getOrderSources": lambda _: {"sources": self.shop.sources},
        }
        if method not in calls:
            return _error("ERROR_UNKNOWN_METHOD", "An unknown method has been used")
        try:
            given = json.loads(parameters)
        except ValueError:
            return _error("ERROR_PARSE_JSON_PARAMETERS", "")
        return {"status": "SUCCESS", **calls[method](given if isinstance(given, dict) else {})}

    def _limit(self) -> dict[str, Any] | None:
        now = self._clock()
        if now < self.switches.blocked_until:
            self.asked_while_blocked += 1
            return _blocked(self.switches.blocked_until)
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if now >= self._blocked_until:
            self._recent.append(now)
            self.most_a_minute = max(self.most_a_minute, len(self._recent))
            if len(self._recent) <= self.switches.limit:
                return None
            self.blocks += 1
            self._blocked_until = now + self.switches.block_seconds
        else:
            self.asked_while_blocked += 1
        return _blocked(self._blocked_until)

    def _journal(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if not self.switches.journal:
            return {"logs": []}
        last, types = int(given.get("last_log_id") or 0), given.get("logs_types") or []
        low = last if self.switches.cursor == "inclusive" else last + 1
        now = self._clock()
        oldest = now - 3 * 24 * 3600
        hidden = set(self.switches.hidden_log_ids)
        found = [
            log
            for log in self.shop.logs
            if log["log_id"] >= low
            and log["date"] >= oldest
            and (not types or log["log_type"] in types)
            and ("order_id" not in given or log["order_id"] == given["order_id"])
            and log["log_id"] not in hidden
            and self._shown_at.get(log["log_id"], 0.0) <= now
        ]
        name = self.switches.log_id_name
        return {
            "logs": [
                {name: log["log_id"], **{key: value for key, value in log.items() if key != "log_id"}}
                for log in found[: self.switches.journal_page]
            ]
        }

    def _orders(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = list(self.shop.orders.values())
        if given.get("order_id"):
            one = self.shop.orders.get(int(given["order_id"]))
            found = [one] if one is not None else []
        if not given.get("get_unconfirmed_orders"):
            found = [order for order in found if order["confirmed"]]
        if given.get("filter_email"):
            asked = str(given["filter_email"]).lower()
            found = [order for order in found if order["email"].lower() == asked]
        for name, key in (
            ("id_from", "order_id"),
            ("date_confirmed_from", "date_confirmed"),
            ("date_from", "date_add"),
        ):
            if given.get(name):
                found = [order for order in found if order[key] >= int(given[name])]
        key = "date_confirmed" if given.get("date_confirmed_from") else "order_id"
        found = sorted(found, key=lambda order: (order[key], order["order_id"]))[:PAGE]
        if any(order["order_id"] in self.switches.refuse_orders for order in found):
            return _error("ERROR_UNEXPECTED", "Something went wrong")
        return {"orders": [_old(order) if self.switches.types == "old" else order for order in found]}

    def _by_phone(self, given: Mapping[str, Any]) -> dict[str, Any]:
        asked = str(given.get("phone", ""))

        def same(phone: str) -> bool:
            if self.switches.phone == "exact":
                return phone == asked
            digits = _digits(asked)[-9:]
            return len(digits) == 9 and _digits(phone)[-9:] == digits

        make: Callable[[int], Any] = str if self.switches.digit_strings else int
        return {
            "orders": [
                {
                    "order_id": make(order["order_id"]),
                    "order_status_id": order["order_status_id"],
                    "delivery_fullname": order["delivery_fullname"],
                    "delivery_company": "",
                    "date_in_status": make(order["date_in_status"]),
                    "date_add": make(order["date_add"]),
                }
                for order in self.shop.orders.values()
                if same(order["phone"])
            ]
        }

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "orders": list(self.shop.orders.values()),
                "logs": self.shop.logs,
                "sources": self.shop.sources,
                "requests": dict(self.requests),
                "blocks": self.blocks,
                "most_a_minute": self.most_a_minute,
                "asked_while_blocked": self.asked_while_blocked,
                "earlier": self.earlier,
                "faults": dict(self.faults.played),
            }
        )

    async def _switch(self, request: web.Request) -> web.Response:
        given = await request.json()
        return apply_switches(self.switches, self.faults, given)

    async def _edit(self, request: web.Request) -> web.Response:
        """Change or add orders: one or a list of `{order: {…}, log_types: [..], late: seconds}`; returns the log ids.

        `late` = the journal shows these entries only so many seconds from now, below others that came meanwhile.
        """
        given = await request.json()
        ids: list[int] = []
        for edit in given if isinstance(given, list) else [given]:
            order_id = int(edit["order"]["order_id"])
            if (known := self.shop.orders.get(order_id)) is not None:
                self.earlier.setdefault(order_id, []).append(dict(known))
            self.shop.orders[order_id] = {**(known or {}), **edit["order"]}
            new = [self.shop.log(kind, order_id, int(self._clock())) for kind in edit.get("log_types", [])]
            if edit.get("late"):
                self._shown_at |= dict.fromkeys(new, self._clock() + float(edit["late"]))
            ids += new
        return web.json_response({"log_ids": ids})


def apply_switches(switches: object, faults: Faults, given: dict[str, Any]) -> web.Response:
    """Set switches by name; `faults` replaces the faults in force."""
    for name, value in given.items():
        if name == "faults":
            faults.active = [Fault.read(fault) for fault in value]
        elif hasattr(switches, name):
            setattr(switches, name, value)
        else:
            return web.json_response({"error": f"no switch {name}"}, status=400)
    return web.json_response({"ok": True})


def _error(code: str, message: str) -> dict[str, Any]:
    return {"status": "ERROR", "error_code": code, "error_message": message}


def _blocked(end: float) -> dict[str, Any]:
    until = datetime.fromtimestamp(end, UTC).astimezone(ZoneInfo("Europe/Warsaw"))
    return _error("ERROR_BLOCKED_TOKEN", f"Query limit exceeded, token blocked until {until:%Y-%m-%d %H:%M:%S}")


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _old(order: Mapping[str, Any]) -> dict[str, Any]:
    """The shapes of 2022: "" for a missing number, digit strings for ids."""
    old = dict(order)
    old["shop_order_id"] = old["shop_order_id"] or ""
    old["order_source_id"] = str(old["order_source_id"])
    old["payment_done"] = str(old["payment_done"])
    old["products"] = [
        {**line, "storage_id": str(line["storage_id"]), "order_product_id": str(line["order_product_id"])}
        for line in old["products"]
    ]
    return old
