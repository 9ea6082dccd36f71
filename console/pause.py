"""Pause and resume, as `bl2sm pause` and `resume`: saved for every processor, on whatever host."""

from datetime import UTC, datetime

from starlette.responses import Response

from console.visit import Visit
from operations.live_settings import save_switch
from schemas.records import Switch

LONGEST_REASON = 200


def preview(visit: Visit) -> Response:
    """Ask whether it is meant."""
    pausing = visit.given("paused") == "yes"
    return visit.page("pause.html", title="pause", pausing=pausing, reason=_reason(visit))


def switch(visit: Visit) -> Response:
    """Do it."""
    pausing = visit.given("paused") == "yes"
    save_switch(visit.program.settings, Switch(pausing, _reason(visit), visit.signed, datetime.now(UTC)))
    visit.program.look(fresh=True)
    return visit.go("/", visit.words("pause.done_pause" if pausing else "pause.done_resume"))


def _reason(visit: Visit) -> str:
    return visit.given("reason")[:LONGEST_REASON]
