"""Faults that a stand-in plays on request: how, when (before or after the effect), where and how often."""

import asyncio
import random
from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web

KINDS = frozenset({"html502", "truncated", "empty", "slow", "reset", "429", "503", "hang"})


@dataclass(slots=True)
class Fault:
    """`where` = part of path or method; `after` = once the effect took place; `count` 0 = no end."""

    kind: str
    where: str = ""
    after: bool = False
    rate: float = 1.0
    count: int = 0
    seconds: float = 15.0

    @classmethod
    def read(cls, found: dict[str, Any]) -> "Fault":
        """Read a fault; ValueError names what is wrong."""
        known = {part.name for part in fields(cls)}
        if found.get("kind") not in KINDS or set(found) - known:
            raise ValueError(f"a fault has a kind of {sorted(KINDS)} and of the rest {sorted(known)}")
        return cls(**found)


class Faults:
    """The faults in force; drawn with a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.active: list[Fault] = []

    async def play(self, request: web.Request, where: str, after: bool) -> web.StreamResponse | None:
        """Play the first fault that fits; None = go on."""
        for fault in list(self.active):
            if fault.after is not after or fault.where not in where or self._chance.random() >= fault.rate:
                continue
            if fault.count:
                fault.count -= 1
                if fault.count == 0:
                    self.active.remove(fault)
            return await self._one(request, fault)
        return None

    @staticmethod
    async def _one(request: web.Request, fault: Fault) -> web.StreamResponse | None:
        if fault.kind == "html502":
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        if fault.kind == "503":
            return web.Response(status=503, text="busy")
        if fault.kind == "429":
            return web.Response(status=429, headers={"Retry-After": "2"}, text="{}")
        if fault.kind == "truncated":
            return web.Response(text='{"status":"SUCC', content_type="text/html")
        if fault.kind == "empty":
            return web.Response(text="")
        if fault.kind == "reset":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(text="")
        await asyncio.sleep(fault.seconds)
        return None
