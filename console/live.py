"""Live numbers by server-sent events: what changed is sent, every few seconds, to whoever looks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console import filters, overview
from console.program import Program
from console.sessions import Session
from console.visit import SESSION, TEMPLATES, csrf_field, words_for
from console.words import Words

SECONDS = 3.0
PARTS = {name: f"parts/{name}.html" for name in ("numbers", "alarms", "pausing", "recent", "replaying")}


def stream(program: Program) -> Callable[[Request], Any]:
    """Return the endpoint; it ends when the session does."""

    async def answer(request: Request) -> Response:
        session = program.sessions.find(request.cookies.get(SESSION), time.monotonic())
        if session is None or (program.locked and not session.logged_in):
            return Response(status_code=204)  # tells EventSource to give up
        events = _events(program, session, words_for(request), request)
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return answer


async def _events(program: Program, session: Session, words: Words, request: Request) -> AsyncIterator[str]:
    sent: dict[str, str] = {}
    while program.sessions.alive(session.id, time.monotonic()):
        seen = await run_in_threadpool(program.look)
        if await request.is_disconnected():
            return
        values = overview.values(seen, words) | {"csrf_field": csrf_field(session)}
        for event, template in PARTS.items():
            html = TEMPLATES.get_template(template).render(t=words, f=filters, **values)
            if sent.get(event) != html:
                sent[event] = html
                yield f"event: {event}\n" + "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
        await asyncio.sleep(SECONDS)
    yield "event: end\ndata:\n\n"
