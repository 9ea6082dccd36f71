"""One request and its answer: who asks, in which language, what was given; forms are trusted only with their token."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console import filters, paths
from console.guard import host_name, same_host
from console.program import Program
from console.said import Known, status, tell
from console.sessions import Session
from console.words import LANGUAGES, Words, choose
from operations.output import debugging
from runtime.logging import get_logger

SESSION, LANGUAGE = "bl2sm_session", "bl2sm_language"
LANGUAGE_FIELD = "language"
LONGEST_HOST = 260
LARGEST_FORM = 256 * 1024
YEAR = 365 * 86_400
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals["tell"] = tell


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page needs to know. `values` = a form's by name, where there is none the address's; `secure` = by TLS.

    `repeated` = the form may be sent again in another language.
    """

    program: Program
    session: Session
    words: Words
    path: str
    address: str
    params: Mapping[str, Any]
    values: Mapping[str, list[str]]
    partial: bool
    secure: bool
    repeated: bool

    def given(self, name: str, default: str = "") -> str:
        """Return the first value of a name, without blanks around it."""
        return (self.values.get(name) or [default])[0].strip()

    @property
    def signed(self) -> str:
        """Who signs a change."""
        return self.session.name or "console"

    def page(self, template: str, code: int = 200, /, **values: Any) -> Response:
        """Return a page, or the part of one that htmx asked for."""
        html = TEMPLATES.get_template(template).render(
            t=self.words,
            f=filters,
            session=self.session,
            languages=LANGUAGES,
            partial=self.partial,
            csrf_field=csrf_field(self.session),
            again=self._again() if self.repeated else None,
            **{"back": self.path if self.repeated else paths.page_of(self.path), **values},
        )
        return HTMLResponse(html, code)

    def _again(self) -> list[tuple[str, str]]:
        """Return the form as it was sent."""
        own = {"csrf", LANGUAGE_FIELD}
        return [(name, value) for name, given in self.values.items() if name not in own for value in given]

    def go(self, path: str, notice: str = "") -> Response:
        """Return a redirect; the notice is said on the next page."""
        if notice:
            self.session.notice = notice
        return RedirectResponse(path, 303)

    def trouble(self, error: Exception) -> Response:
        """Return a page that says what went wrong, without secrets."""
        return self.page("trouble.html", status(error), title="trouble", error=error)


View = Callable[[Visit], Response]
Endpoint = Callable[[Request], Any]


def endpoint(program: Program, view: View, open_to_all: bool = False) -> Endpoint:
    """Make a view answer requests: a session, the password, the form's token, and a sentence for what fails."""

    async def answer(request: Request) -> Response:
        now = time.monotonic()
        session = program.sessions.find(request.cookies.get(SESSION), now)
        new = session is None
        if session is None:
            session = program.sessions.begin(now)
        foreign = _foreign(request) if request.method == "POST" else None
        values = await _form(request) if request.method == "POST" else _grouped(request.url.query)
        repeated = request.method == "POST" and request.url.path in paths.REPEATED
        chosen = ((values or {}).get(LANGUAGE_FIELD) or [""])[0] if repeated else ""
        visit = Visit(
            program,
            session,
            Words(chosen) if chosen in LANGUAGES else words_for(request),
            request.url.path,
            request.client.host if request.client is not None else "",
            request.path_params,
            values or {},
            "hx-request" in request.headers,
            request.url.scheme == "https",
            repeated,
        )
        if values is None:
            response = visit.trouble(Known("too_large"))
        elif not open_to_all and program.locked and not session.logged_in:
            response = _to_login(request)
        elif request.method == "POST" and (foreign or not session.fits(visit.given("csrf"))):
            response = replace(visit, repeated=False).trouble(foreign or Known("csrf"))
        else:
            response = await run_in_threadpool(_safely, view, visit)
            if chosen in LANGUAGES:
                keep(response, LANGUAGE, chosen, visit.secure, YEAR)
        if new and foreign is None and SESSION not in str(response.headers.getlist("set-cookie")):
            keep(response, SESSION, session.id, visit.secure)
        return response

    return answer


def csrf_field(session: Session) -> Markup:
    """Return the hidden field that makes a form the session's own."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf)


def words_for(request: Request) -> Words:
    """Return the voice in the reader's language."""
    return Words(choose(request.cookies.get(LANGUAGE), request.headers.get("accept-language", "")))


def keep(response: Response, name: str, value: str, secure: bool, seconds: int | None = None) -> None:
    """Set a cookie that scripts can't read; from other sites it comes with a link alone, which changes nothing."""
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure)


def _safely(view: View, visit: Visit) -> Response:
    try:
        return view(visit)
    except Exception as error:
        log, told = get_logger(__name__), {"path": visit.path, "error": type(error).__name__}
        if status(error) < 500:
            log.info("a page was refused", **told)
        else:
            log.error("a page failed", **told, exc_info=debugging())
        return visit.trouble(error)


def _to_login(request: Request) -> Response:
    """Ask for the password, and name the page that was wanted."""
    partial = "hx-request" in request.headers
    wanted = paths.page_at(request.headers.get("hx-current-url", "")) if partial else paths.page_of(request.url.path)
    if partial:
        return Response(status_code=401, headers={"HX-Redirect": paths.login_for(wanted)})
    return RedirectResponse(paths.login_for(wanted), 303)


def _foreign(request: Request) -> Known | None:
    """Return what speaks against a form: that another site sent it, or that a proxy hides the console's name from us.

    Browsers that say nothing are judged by the token.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return Known("csrf")
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is None or same_host(origin, host):
        return None
    seen = origin.partition("://")[2][:LONGEST_HOST]
    return Known("other_host", seen=seen, name=host_name(seen), host=host[:LONGEST_HOST]) if seen else Known("csrf")


async def _form(request: Request) -> dict[str, list[str]] | None:
    """Return a form's values; None where it is too large, none of one that broke off."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_FORM:
                return None
    except ClientDisconnect:
        return {}
    return _grouped(bytes(body).decode(errors="replace"))


def _grouped(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=5000):
            found.setdefault(name, []).append(value)
    except ValueError:
        return {}
    return found
