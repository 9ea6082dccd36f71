"""Keys and passwords: tried on entry, never shown again, written to `.env`; the page says what to restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

import operations.credentials
from console.acts import act
from console.said import Known
from console.visit import Visit
from console.words import Words
from console.working import follow, found
from console.works import Work
from operations.credentials import KEYS, OF_SALES, Accepted, Changed, Key, keys, write

LONGEST = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """What is being tried: the file it is for, and what was typed that is no secret."""

    file: str
    typed: Mapping[str, str] = field(repr=False)


def page(visit: Visit) -> Response:
    """Show where each comes from, and ask for new ones; after one's own trial with what was typed for it."""
    work = visit.program.works.find(visit.given("work"))
    if work is None or work.kind != "keys" or work.session != visit.session.id:
        return _page(visit)
    return _page(visit, typed=work.given.typed)


def attempt(visit: Visit) -> Response:
    """Try the new ones; they are written once somebody has seen that they are accepted. No page, no log sees them."""
    held = {key.name: key for key in keys(visit.program.env_file)}
    given = {name: visit.given(name)[:LONGEST] for name in KEYS}
    typed = {name: value for name, value in given.items() if not held[name].secret}
    new = {name: value for name, value in given.items() if value and value != held[name].value}
    if error := _wrong(held, new, visit.words):
        return _page(visit, 400, error, typed)

    def job(work: Work) -> Accepted:
        tried = operations.credentials.attempt(visit.program.env_file, new)
        visit.program.entered.keep(work.id, new)
        return tried

    work = visit.program.works.start(
        "keys", visit.session.id, Tried(visit.program.env_file.name, typed), job, alone=True
    )
    return follow(visit, work)


def save(visit: Visit) -> Response:
    """Write what was tried and accepted; refused where that is long ago, or was saved already."""
    work = found(visit, visit.given("work"), "keys")
    new = visit.program.entered.take(work.id)
    if new is None:
        raise Known("keys_gone")

    def job(_: Work) -> Changed:
        changed = write(visit.program.env_file, new)
        if changed.written:
            visit.program.renew()
        return changed

    file = visit.program.env_file.name
    work = visit.program.works.start("credentials", visit.session.id, file, job, alone=True, act=act(visit))
    return follow(visit, work)


def _wrong(held: Mapping[str, Key], new: Mapping[str, str], words: Words) -> str:
    """Return what is missing for a trial, "" where nothing is."""
    if not new:
        return words("credentials.give")
    if "SALESMANAGO_API_URL" in new and "SALESMANAGO_API_SECRET" not in new:
        if held["SALESMANAGO_API_SECRET"].origin != "missing":
            return words("credentials.secret_too")
    missing = [name for name in KEYS if name in OF_SALES and name not in new and held[name].origin == "missing"]
    if missing and OF_SALES & set(new):
        return words("credentials.together", names=", ".join(words(f"field.{name}") for name in missing))
    return ""


def _page(visit: Visit, status: int = 200, error: str = "", typed: Mapping[str, str] | None = None) -> Response:
    """Show the form; `typed` = what stands in it in place of what holds."""
    held = keys(visit.program.env_file)
    return visit.page("credentials.html", status, title="credentials", keys=held, error=error, typed=typed)
