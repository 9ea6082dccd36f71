"""Faults that a stand-in plays on request: how, when (before or after the effect), where and how often.

Whether a request meets a fault depends on the seed, on what is asked about whom, and on how often that was asked
before, not on what else is asked meanwhile: the same order meets the same faults in every run with the same seed.
"""

import asyncio
import hashlib
import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

KINDS = {
    "html502": "a gateway's page instead of an answer",
    "html200": "a page, as if all were well",
    "500": "JSON that reports an internal error",
    "503": "busy, as text",
    "503wait": "busy, with Retry-After as 429 has it",
    "429": "too many requests, with Retry-After of `retry_after` seconds, or as an HTTP date",
    "429plain": "too many requests, for no stated time",
    "status": "a `status` of HTTP's, without a body worth reading",
    "oops": "either API's own refusal of nobody in particular, status 200",
    "truncated": "JSON that ends in the middle",
    "cut": "an answer that is shorter than it says",
    "chunks": "chunks without an end",
    "array": "JSON that is no object",
    "bare": "success, and nothing else",
    "badgzip": "an answer that only says it is packed",
    "empty": "no body",
    "continue": "100 Continue before the answer",
    "slow": "the answer takes `seconds`",
    "hang": "nothing for `seconds`, then it takes effect, whether or not the client still waits",
    "void": "nothing for `seconds`, then the connection ends; without effect unless `after`",
    "trickle": "blanks, one at a time for `seconds`, then the connection ends",
    "heads": "headers, one at a time for `seconds`, then the connection ends",
    "reset": "the connection is reset",
    "idle": "the answer, and soon after it the connection ends without a word",
}
PAGE = "<html><h1>502 Bad Gateway</h1></html>"
OOPS = {
    "status": "ERROR",
    "error_code": "ERROR_UNEXPECTED",
    "error_message": "Something went wrong",
    "success": False,
    "message": ["Internal error"],
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
RAW = {
    "cut": HEAD + b'Content-Length: 5000\r\n\r\n{"status":"SUCCESS",',
    "chunks": HEAD + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"status\r\n',
    "badgzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n{}{}",
}
DRIPS = {
    "trickle": (HEAD + b"Content-Length: 5000\r\n\r\n", b" "),
    "heads": (HEAD, b"X-Padding: x\r\n"),
}
DRIP_SECONDS = 0.2
REMEMBERED = 50_000


@dataclass(slots=True)
class Fault:
    """`where` = part of path or method; `after` = once the effect took place; `count` 0 = no end.

    `of` = only requests about this: an order id or an e-mail in lower case.
    """

    kind: str
    where: str = ""
    of: str = ""
    after: bool = False
    rate: float = 1.0
    count: int = 0
    seconds: float = 15.0
    retry_after: int = 2
    date: bool = False
    status: int = 520

    @classmethod
    def read(cls, found: dict[str, Any]) -> "Fault":
        """Read a fault; ValueError names what is wrong."""
        known = {part.name for part in fields(cls)}
        if found.get("kind") not in KINDS or set(found) - known:
            raise ValueError(f"a fault has a kind of {sorted(KINDS)} and of the rest {sorted(known)}")
        return cls(**found)


class Faults:
    """The faults in force, drawn with a seed; `played` counts them, `asked` tells when what was asked."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked: Counter[tuple[str, str, bool]] = Counter()
        self.active: list[Fault] = []
        self.played: Counter[str] = Counter()
        self.asked: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()

    async def play(
        self, request: web.Request, where: str, after: bool, about: Sequence[str] = ()
    ) -> web.StreamResponse | None:
        """Play the first fault that fits, None if there is none; `about` = the order ids and e-mails in the request."""
        if not after:
            self.asked.append({"at": time.time(), "what": where, "played": ""})
        asked = where, " ".join(about), after
        self._asked[asked] += 1
        for fault in list(self.active):
            if fault.after is not after or fault.where not in where or (fault.of and fault.of not in about):
                continue
            if self._drawn(fault, *asked) >= fault.rate:
                continue
            if fault.count:
                fault.count -= 1
                if fault.count == 0:
                    self.active.remove(fault)
            self.played[f"{fault.kind} {'after' if after else 'before'} {where}"] += 1
            if not after:
                self.asked[-1]["played"] = fault.kind
            return await self._one(request, fault)
        return None

    async def tell(self, _: web.Request) -> web.Response:
        """Answer with every request so far: `{at, what, played}`; `played` = what was played before its effect."""
        return web.json_response(list(self.asked))

    def _drawn(self, fault: Fault, where: str, about: str, after: bool) -> float:
        """A number from 0 to 1: the same for the same request, whatever else was asked."""
        times = self._asked[where, about, after]
        named = f"{self._seed} {fault.kind} {fault.where} {fault.of} {where} {about} {after} {times}"
        return int.from_bytes(hashlib.blake2b(named.encode(), digest_size=8).digest()) / 2**64

    async def _one(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        if (answer := _whole_answer(fault)) is not None:
            return answer
        if fault.kind == "continue":
            _write(request, b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        if fault.kind == "idle":
            task = asyncio.create_task(_hang_up(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return None
        if fault.kind in {"slow", "hang", "void"}:
            await asyncio.sleep(fault.seconds)
            if fault.kind != "void":
                return None
        if fault.kind in DRIPS:
            first, drop = DRIPS[fault.kind]
            _write(request, first)
            until = time.monotonic() + fault.seconds
            while time.monotonic() < until:
                await asyncio.sleep(DRIP_SECONDS)
                _write(request, drop)
        if request.transport is not None:
            if fault.kind in RAW:
                _write(request, RAW[fault.kind])
                request.transport.close()
            else:
                request.transport.abort()
        return web.Response(text="")


def _whole_answer(fault: Fault) -> web.Response | None:
    if fault.kind in {"html502", "html200"}:
        return web.Response(status=int(fault.kind.removeprefix("html")), text=PAGE, content_type="text/html")
    if fault.kind == "500":
        return web.json_response({"success": False, "message": ["Internal server error"]}, status=500)
    if fault.kind == "503":
        return web.Response(status=503, text="busy")
    if fault.kind in {"429", "503wait"}:
        end = datetime.fromtimestamp(math.ceil(time.time()) + fault.retry_after, UTC)
        wait = format_datetime(end, usegmt=True) if fault.date else str(fault.retry_after)
        return web.Response(status=int(fault.kind[:3]), headers={"Retry-After": wait}, text="{}")
    if fault.kind == "429plain":
        return web.Response(status=429, text="{}")
    if fault.kind == "status":
        return web.Response(status=fault.status, text="error")
    if fault.kind == "oops":
        return web.json_response(OOPS)
    if fault.kind == "truncated":
        return web.Response(text='{"status":"SUCC', content_type="text/html")
    if fault.kind == "array":
        return web.json_response([{"status": "SUCCESS", "success": True}])
    if fault.kind == "bare":
        return web.json_response({"status": "SUCCESS", "success": True, "message": []})
    if fault.kind == "empty":
        return web.Response(text="")
    return None


def _write(request: web.Request, content: bytes) -> None:
    if request.transport is not None and not request.transport.is_closing():
        request.transport.write(content)


async def _hang_up(request: web.Request) -> None:
    transport = request.transport
    await asyncio.sleep(0.05)
    if transport is not None:
        transport.close()
