"""Keys and passwords: tried on entry, never shown again, written to `.env`; the page says what to restart."""

from starlette.responses import Response

from console.visit import Visit
from console.working import follow
from console.works import Work
from operations.credentials import KEYS, Changed, change, keys

LONGEST = 500


def page(visit: Visit) -> Response:
    """Show where each comes from, and ask for new ones."""
    return _page(visit)


def save(visit: Visit) -> Response:
    """Try the new ones and write them; the values stay in this call, no page and no log sees them."""
    held = {key.name: key.value for key in keys(visit.program.env_file)}
    new = {name: visit.given(name)[:LONGEST] for name in KEYS}
    new = {name: value for name, value in new.items() if value and value != held[name]}
    if not new:
        return _page(visit, 400, visit.words("credentials.give"))

    def job(_: Work) -> Changed:
        changed = change(visit.program.env_file, new)
        if changed.written:
            visit.program.renew()
        return changed

    work = visit.program.works.start("credentials", visit.session.id, visit.program.env_file.name, job, alone=True)
    return follow(visit, work)


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    found = keys(visit.program.env_file)
    return visit.page("credentials.html", status, title="credentials", keys=found, error=error)
