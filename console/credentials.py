"""Keys and passwords: tried on entry, never shown again, written to `.env`; the page says what to restart."""

from starlette.responses import Response

import operations.credentials
from console.said import Known
from console.visit import Visit
from console.working import follow, found
from console.works import Work
from operations.credentials import KEYS, Changed, Tried, keys, write

LONGEST = 500


def page(visit: Visit) -> Response:
    """Show where each comes from, and ask for new ones."""
    return _page(visit)


def attempt(visit: Visit) -> Response:
    """Try the new ones; they are written once somebody has seen that they are accepted. No page, no log sees them."""
    held = {key.name: key.value for key in keys(visit.program.env_file)}
    new = {name: visit.given(name)[:LONGEST] for name in KEYS}
    new = {name: value for name, value in new.items() if value and value != held[name]}
    if not new:
        return _page(visit, 400, visit.words("credentials.give"))

    def job(work: Work) -> Tried:
        tried = operations.credentials.attempt(visit.program.env_file, new)
        visit.program.entered.keep(work.id, new)
        return tried

    work = visit.program.works.start("keys", visit.session.id, visit.program.env_file.name, job, alone=True)
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

    work = visit.program.works.start("credentials", visit.session.id, visit.program.env_file.name, job, alone=True)
    return follow(visit, work)


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    held = keys(visit.program.env_file)
    return visit.page("credentials.html", status, title="credentials", keys=held, error=error)
