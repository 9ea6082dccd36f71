"""Work under way: how far it is, what came of it, and stop."""

from starlette.responses import Response

from console.said import Known
from console.visit import Visit
from console.works import Work


def page(visit: Visit) -> Response:
    """Show one. The page asks again by itself while it runs: for what changes alone, so that its buttons stay.

    Once the state is another one than the page shows, the whole is sent in its place.
    """
    try:
        work = found(visit, str(visit.params["work"]))
    except Known as error:
        return _whole(visit, visit.trouble(error))
    shown = state(work)
    if visit.partial and visit.given("shown") == shown:
        return visit.page("parts/changing.html", title="work", work=work)
    return _whole(visit, visit.page("work.html", title="work", work=work, shown=shown))


def stop(visit: Visit) -> Response:
    """Let one end at its next step."""
    work = found(visit, str(visit.params["work"]))
    work.stopping = True
    return follow(visit, work)


def state(work: Work) -> str:
    """Return what the page says of its state."""
    return "stopping" if work.stopping and work.state == "running" else work.state


def follow(visit: Visit, work: Work) -> Response:
    """Go and look at a piece of work."""
    return visit.go(f"/running/{work.id}")


def found(visit: Visit, work_id: str, *kinds: str) -> Work:
    """Return a piece of work by its id; refused where it is gone or of another kind."""
    work = visit.program.works.find(work_id)
    if work is None or (kinds and work.kind not in kinds):
        raise Known("no_work")
    return work


def _whole(visit: Visit, answer: Response) -> Response:
    if visit.partial:
        answer.headers.update({"HX-Retarget": "#work", "HX-Reswap": "outerHTML"})
    return answer
