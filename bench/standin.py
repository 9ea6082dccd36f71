"""Lean stand-ins of both APIs in one process, for measuring: `python -m bench.standin --orders 20000`.

The sandbox tells every effect and plays every fault; this one answers some thousand requests a second on one core, so
that it is not what is measured. It keeps what the pipeline asks for (contacts, events, cards, orders by id, window and
phone, the journal), counts, blocks as BaseLinker does, and knows when each purchase came.
"""

import argparse
import asyncio
import bisect
import json
import signal
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from bench.shop import Choice, Shop, make
from sandbox.server import environment

PAGE = 100
BLOCK_SECONDS = 600.0
_LENGTH = b"content-length:"


class BaseLinkerSide:
    """Orders as text made beforehand. `live` > 0: so many seconds lie between two orders, from the first look on."""

    def __init__(self, shop: Shop, limit: int, live: float) -> None:
        self._ids = [order["order_id"] for order in shop.orders]
        self._bodies = [json.dumps(order) for order in shop.orders]
        self._at = {order_id: index for index, order_id in enumerate(self._ids)}
        self._log_ids = [log["log_id"] for log in shop.logs]
        self._logs = shop.logs
        self._phones: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for order in shop.orders:
            told = {"order_id": str(order["order_id"]), "date_add": str(order["date_add"])}
            self._phones[_digits(order["phone"])].append(told)
        self._limit, self._live = limit, live
        self._began: float | None = None
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self.requests: Counter[str] = Counter()
        self.times: list[float] = []
        self.blocks = self.most_a_minute = 0

    def order(self, order_id: int) -> dict[str, Any]:
        """An order as getOrders tells it."""
        found: dict[str, Any] = json.loads(self._bodies[self._at[order_id]])
        return found

    def under_phone(self, phone: str) -> list[int]:
        """Ids of the orders with this phone."""
        return [int(one["order_id"]) for one in self._phones.get(_digits(phone), [])]

    def shown_at(self, log_place: int) -> float:
        """When the journal showed an entry (unix seconds); 0 = always."""
        return (self._began or 0.0) + (log_place + 1) * self._live if self._live else 0.0

    def answer(self, body: bytes) -> bytes:
        """Answer one request."""
        now = time.time()
        form = parse_qs(body.decode())
        method = form["method"][0]
        self.requests[method] += 1
        self.times.append(now)
        if (blocked := self._block(now)) is not None:
            return blocked
        given = json.loads(form.get("parameters", ["{}"])[0])
        if method == "getOrders":
            return self._orders(given)
        if method == "getOrdersByPhone":
            return _success("orders", json.dumps(self._phones.get(_digits(given["phone"]), [])))
        if method == "getJournalList":
            return self._journal(int(given.get("last_log_id") or 0), now)
        return _success("sources", '{"shop": {"2001": "sklep"}, "allegro": {"3001": "Konto1"}}')

    def _block(self, now: float) -> bytes | None:
        if now >= self._blocked_until:
            while self._recent and self._recent[0] <= now - 60:
                self._recent.popleft()
            self._recent.append(now)
            self.most_a_minute = max(self.most_a_minute, len(self._recent))
            if len(self._recent) <= self._limit:
                return None
            self.blocks += 1
            self._blocked_until = now + BLOCK_SECONDS
        until = datetime.fromtimestamp(self._blocked_until, UTC).astimezone(ZoneInfo("Europe/Warsaw"))
        text = f"Query limit exceeded, token blocked until {until:%Y-%m-%d %H:%M:%S}"
        return json.dumps({"status": "ERROR", "error_code": "ERROR_BLOCKED_TOKEN", "error_message": text}).encode()

    def _orders(self, given: dict[str, Any]) -> bytes:
        if "order_id" in given:
            index = self._at.get(int(given["order_id"]))
            found = [self._bodies[index]] if index is not None else []
        elif "id_from" in given:
            start = bisect.bisect_left(self._ids, int(given["id_from"]))
            found = self._bodies[start : start + PAGE]
        else:
            found = []  # by date: the sweep, which is not measured here
        return _success("orders", f"[{','.join(found)}]")

    def _journal(self, last: int, now: float) -> bytes:
        start = bisect.bisect_left(self._log_ids, last)
        if self._live:
            self._began = self._began or now
            shown = int((now - self._began) / self._live)
            return _success("logs", json.dumps(self._logs[start : min(start + PAGE, shown)]))
        return _success("logs", json.dumps(self._logs[start : start + PAGE]))


class SalesManagoSide:
    """Contacts and events in memory; credentials are not looked at."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._contacts: dict[str, str] = {}
        self._emails: dict[str, str] = {}
        self._events: dict[str, list[dict[str, str]]] = defaultdict(list)
        self.requests: Counter[str] = Counter()
        self.came: dict[str, float] = {}  # external id → when its first purchase came
        self.doubled = 0

    def answer(self, path: str, body: bytes) -> bytes:
        """Answer one request."""
        self.requests[path] += 1
        given = json.loads(body)
        if path == "contact/upsert":
            email = given["contact"]["email"].lower()
            contact = self._contacts.setdefault(email, f"c{len(self._contacts)}")
            self._emails[contact] = email
            return b'{"success":true,"message":[],"contactId":"%s"}' % contact.encode()
        if path == "contact/addContactExtEvent":
            contact = given.get("contactId") or self._contacts[given["email"].lower()]
            return b'{"success":true,"message":[],"eventId":"%s"}' % self._add(contact, given["contactEvent"]).encode()
        if path.startswith("contact/list"):
            asked = given.get("contactId") or [self._contacts.get(email.lower()) for email in given["email"]]
            cards = [
                {"contactId": one, "email": self._emails[one], "contactExtEvents": self._events[one]}
                for one in asked
                if one in self._emails
            ]
            return json.dumps({"success": True, "message": [], "contacts": cards}).encode()
        if path == "user/listByClient":
            return json.dumps({"success": True, "message": [], "users": [{"email": self._owner}]}).encode()
        return b'{"success":true,"message":[],"eventId":"%s"}' % given["contactEvent"].get("eventId", "").encode()

    def _add(self, contact: str, event: dict[str, Any]) -> str:
        external = str(event["externalId"])
        self.doubled += external in self.came
        self.came.setdefault(external, time.time())
        event_id = f"e{len(self.came) + self.doubled}"
        shown = {"eventId": event_id, "contactExtEventType": "PURCHASE", "externalId": external}
        self._events[contact].append(shown)
        return event_id


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time, bodies by Content-Length: what both clients send."""

    def __init__(self, answer: Callable[[str, bytes], tuple[bytes, float]]) -> None:
        self._answer = answer
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(_LENGTH)
        length = int(lower[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self._got = b""
        content, seconds = self._answer(head.split(b" ", 2)[1].decode(), body)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._reply, content)
        else:
            self._reply(content)

    def _reply(self, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
            self._transport.write(head + content)


class Standins:
    """Both sides on one port; `GET /state` tells what came."""

    def __init__(self, shop: Shop, base: BaseLinkerSide, sales: SalesManagoSide, latency: float) -> None:
        self._shop, self._base, self._sales, self._latency = shop, base, sales, latency

    def answer(self, path: str, body: bytes) -> tuple[bytes, float]:
        """Return the answer, and after how many seconds it is given."""
        if path == "/connector.php":
            return self._base.answer(body), 0.0
        if path.startswith("/api/"):
            return self._sales.answer(path.removeprefix("/api/").removeprefix("v2/"), body), self._latency
        return json.dumps(self._state(path == "/state/full")).encode(), 0.0

    def _state(self, whole: bool) -> dict[str, Any]:
        base, sales = self._base, self._sales
        told: dict[str, Any] = {
            "baselinker": dict(base.requests),
            "salesmanago": dict(sales.requests),
            "blocks": base.blocks,
            "most_a_minute": base.most_a_minute,
            "purchases": len(sales.came),
            "doubled": sales.doubled,
            "cpu": time.process_time(),
        }
        if whole:
            places = {str(log["order_id"]): place for place, log in enumerate(self._shop.logs)}
            told["asked_at"] = base.times
            told["came_at"] = sorted(sales.came.values())
            told["latencies"] = [at - base.shown_at(places[order_id]) for order_id, at in sales.came.items()]
        return told


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    shop = make(Choice(options.orders), int(time.time()))
    sales = SalesManagoSide("owner@example.com")
    both = Standins(shop, BaseLinkerSide(shop, options.limit, options.live), sales, options.latency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(both.answer), "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    root = f"http://127.0.0.1:{port}"
    print(json.dumps(environment(f"{root}/connector.php", f"{root}/api")), flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run both stand-ins."""
    parser = argparse.ArgumentParser(prog="bench.standin", description="Lean stand-ins of both APIs, for measuring.")
    parser.add_argument("--orders", type=int, default=1000, help="orders that the journal names")
    parser.add_argument("--limit", type=int, default=10**9, help="BaseLinker requests a minute before a block")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds SALESmanago takes to answer")
    parser.add_argument("--live", type=float, default=0.0, help="seconds between two orders; 0 = all are there")
    asyncio.run(serve(parser.parse_args(argv)))
    return 0


def _success(name: str, content: str) -> bytes:
    return f'{{"status":"SUCCESS","{name}":{content}}}'.encode()


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())[-9:]


if __name__ == "__main__":
    sys.exit(main())
