"""Faults that a stand-in plays on request: how, when (before or after the effect), where and how often."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web

KINDS = {
    "html502": "a gateway's page instead of an answer",
    "500": "JSON that reports an internal error",
    "503": "busy, as text",
    "429": "too many requests, with Retry-After of `retry_after` seconds",
    "429plain": "too many requests, for no stated time",
    "truncated": "JSON that ends in the middle",
    "empty": "no body",
    "slow": "the answer takes `seconds`",
    "hang": "nothing for `seconds`, then it takes effect, whether or not the client still waits",
    "void": "nothing for `seconds`, then the connection ends; without effect unless `after`",
    "reset": "the connection is reset",
}


@dataclass(slots=True)
class Fault:
    """`where` = part of path or method; `after` = once the effect took place; `count` 0 = no end."""

    kind: str
    where: str = ""
    after: bool = False
    rate: float = 1.0
    count: int = 0
    seconds: float = 15.0
    retry_after: int = 2

    @classmethod
    def read(cls, found: dict[str, Any]) -> "Fault":
        """Read a fault; ValueError names what is wrong."""
        known = {part.name for part in fields(cls)}
        if found.get("kind") not in KINDS or set(found) - known:
            raise ValueError(f"a fault has a kind of {sorted(KINDS)} and of the rest {sorted(known)}")
        return cls(**found)


class Faults:
    """The faults in force, drawn with a seed; `played` counts them."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.active: list[Fault] = []
        self.played: Counter[str] = Counter()

    async def play(self, request: web.Request, where: str, after: bool) -> web.StreamResponse | None:
        """Play the first fault that fits; None = go on."""
        for fault in list(self.active):
            if fault.after is not after or fault.where not in where or self._chance.random() >= fault.rate:
                continue
            if fault.count:
                fault.count -= 1
                if fault.count == 0:
                    self.active.remove(fault)
            self.played[f"{fault.kind} {'after' if after else 'before'} {where}"] += 1
            return await self._one(request, fault)
        return None

    @staticmethod
    async def _one(request: web.Request, fault: Fault) -> web.StreamResponse | None:
        if fault.kind == "html502":
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        if fault.kind == "500":
            return web.json_response({"success": False, "message": ["Internal server error"]}, status=500)
        if fault.kind == "503":
            return web.Response(status=503, text="busy")
        if fault.kind == "429":
            return web.Response(status=429, headers={"Retry-After": str(fault.retry_after)}, text="{}")
        if fault.kind == "429plain":
            return web.Response(status=429, text="{}")
        if fault.kind == "truncated":
            return web.Response(text='{"status":"SUCC', content_type="text/html")
        if fault.kind == "empty":
            return web.Response(text="")
        if fault.kind in {"slow", "hang", "void"}:
            await asyncio.sleep(fault.seconds)
            if fault.kind != "void":
                return None
        if request.transport is not None:
            request.transport.abort()
        return web.Response(text="")
