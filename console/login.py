"""Logging in and out, and the language."""

import hmac
import time

from starlette.responses import RedirectResponse, Response

from console.paths import local, login_for
from console.visit import LANGUAGE, SESSION, YEAR, Visit, keep
from console.words import LANGUAGES
from operations.live_settings import has_personal
from runtime.logging import get_logger

LONGEST_NAME = 40
LOCKED = "too many wrong passwords"
HINT = "is this a proxy, or the gateway of Docker's network? Name it in CONSOLE_PROXIES, or all share its five tries"


def form(visit: Visit) -> Response:
    """Ask for the password."""
    if visit.session.logged_in or not visit.program.locked:
        return visit.go(_wanted(visit))
    return _page(visit, 200, "", "")


def log_in(visit: Visit) -> Response:
    """Check it: a new session where it is right, a limit on tries."""
    now = time.monotonic()
    program = visit.program
    given = (visit.values.get("password") or [""])[0]
    name = " ".join(visit.given("name").split())[:LONGEST_NAME]
    right = bool(program.password) and hmac.compare_digest(given.encode(), program.password.encode())
    if (seconds := program.tries.judge(visit.address, now, right)) > 0:
        return _page(visit, 429, _wait(visit, seconds), name)
    if not right:
        error = visit.words("login.wrong")
        if (seconds := program.tries.wait(visit.address, now)) > 0:
            get_logger(__name__).warning(LOCKED, address=visit.address, seconds=round(seconds), hint=HINT)
            error = f"{error} {_wait(visit, seconds)}"
        return _page(visit, 403, error, name)
    if has_personal(name):  # it will stand in Kafka
        return _page(visit, 400, visit.words("login.no_email"), "")
    program.sessions.end(visit.session)
    session = program.sessions.begin(now, logged_in=True, name=name)
    response = RedirectResponse(_wanted(visit), 303)
    keep(response, SESSION, session.id, visit.secure)
    return response


def log_out(visit: Visit) -> Response:
    """End the session."""
    visit.program.sessions.end(visit.session)
    return RedirectResponse("/login", 303)


def language(visit: Visit) -> Response:
    """Remember a language and go back to where one was."""
    wanted = visit.given("language")
    response = RedirectResponse(local(visit.given("back", "/")), 303)
    if wanted in LANGUAGES:
        keep(response, LANGUAGE, wanted, visit.secure, YEAR)
    return response


def _wait(visit: Visit, seconds: float) -> str:
    return visit.words("login.wait", age=visit.words.age(seconds))


def _wanted(visit: Visit) -> str:
    """Return the page to go to after the log-in."""
    return local(visit.given("next", "/"))


def _page(visit: Visit, status: int, error: str, name: str) -> Response:
    wanted = _wanted(visit)
    return visit.page(
        "login.html", status, title="login", error=error, name=name, wanted=wanted, back=login_for(wanted)
    )
