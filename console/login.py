"""Logging in and out, and the language."""

import hmac
import time

from starlette.responses import RedirectResponse, Response

from console.visit import LANGUAGE, SESSION, YEAR, Visit, keep
from console.words import LANGUAGES
from operations.live_settings import has_personal

LONGEST_NAME = 40


def form(visit: Visit) -> Response:
    """Ask for the password."""
    if visit.session.logged_in or not visit.program.locked:
        return visit.go("/")
    return visit.page("login.html", title="login", error="", name="")


def log_in(visit: Visit) -> Response:
    """Check it: a new session where it is right, a limit on tries."""
    now = time.monotonic()
    program = visit.program
    given = (visit.values.get("password") or [""])[0]
    name = " ".join(visit.given("name").split())[:LONGEST_NAME]
    right = bool(program.password) and hmac.compare_digest(given.encode(), program.password.encode())
    if (seconds := program.tries.judge(visit.address, now, right)) > 0:
        error = visit.words("login.wait", age=visit.words.age(seconds))
        return visit.page("login.html", 429, title="login", error=error, name="")
    if not right:
        return visit.page("login.html", 403, title="login", error=visit.words("login.wrong"), name=name)
    if has_personal(name):  # it will stand in Kafka
        return visit.page("login.html", 400, title="login", error=visit.words("login.no_email"), name="")
    program.sessions.end(visit.session)
    session = program.sessions.begin(now, logged_in=True, name=name)
    response = RedirectResponse("/", 303)
    keep(response, SESSION, session.id, visit.secure)
    return response


def log_out(visit: Visit) -> Response:
    """End the session."""
    visit.program.sessions.end(visit.session)
    return RedirectResponse("/login", 303)


def language(visit: Visit) -> Response:
    """Remember a language and go back to where one was."""
    back, wanted = visit.given("back", "/"), visit.given("language")
    if not back.startswith("/") or back.startswith(("//", "/\\")):
        back = "/"
    response = RedirectResponse(back, 303)
    if wanted in LANGUAGES:
        keep(response, LANGUAGE, wanted, visit.secure, YEAR)
    return response
