"""Work under way: how far it is, what came of it, and stop."""

from starlette.responses import Response

from console.said import Known
from console.visit import Visit
from console.works import Work


def page(visit: Visit) -> Response:
    """Show one; the page asks again by itself while it runs."""
    work = found(visit, str(visit.params["work"]))
    return visit.page("work.html", title="work", work=work)


def stop(visit: Visit) -> Response:
    """Let one end at its next step."""
    work = found(visit, str(visit.params["work"]))
    work.stopping = True
    return follow(visit, work)


def follow(visit: Visit, work: Work) -> Response:
    """Go and look at a piece of work."""
    return visit.go(f"/running/{work.id}")


def found(visit: Visit, work_id: str, *kinds: str) -> Work:
    """Return a piece of work by its id; refused where it is gone or of another kind."""
    work = visit.program.works.find(work_id)
    if work is None or (kinds and work.kind not in kinds):
        raise Known("no_work")
    return work
