"""Pause and resume, as `bl2sm pause` and `resume`: saved for every processor, on whatever host."""

import re
from datetime import UTC, datetime

from starlette.responses import Response

from console.said import Known, changed_meanwhile
from console.visit import Visit
from operations.live_settings import PERSONAL, save_switch
from operations.output import Refused
from operations.topic_reads import KafkaAway
from schemas.records import Switch

LONGEST_REASON = 200
LAST = re.compile(r"-?[0-9]{1,18}")


def preview(visit: Visit) -> Response:
    """Ask whether it is meant; for another reason where this one holds what must not be kept."""
    pausing, last = visit.given("paused") == "yes", visit.program.current().last
    error = visit.words("pause.personal") if PERSONAL.search(_reason(visit)) else ""
    return visit.page(
        "pause.html",
        400 if error else 200,
        title="pause",
        pausing=pausing,
        reason=_reason(visit),
        last=last,
        error=error,
    )


def switch(visit: Visit) -> Response:
    """Do it; refused where somebody switched or saved something since the preview, unless it came to the same."""
    pausing, last = visit.given("paused") == "yes", visit.given("last")
    if not LAST.fullmatch(last):
        raise Known("bad_form")
    wanted = Switch(pausing, _reason(visit), visit.signed, datetime.now(UTC))
    try:
        save_switch(visit.program.settings, wanted, int(last))
    except KafkaAway:
        raise
    except Refused as error:
        current = visit.program.current()
        if current.last == int(last):
            raise
        if current.paused != pausing:
            raise changed_meanwhile(current, int(last), error) from None
        return _done(visit, "pause.already_paused" if pausing else "pause.already_resumed")
    return _done(visit, "pause.done_pause" if pausing else "pause.done_resume")


def _done(visit: Visit, said: str) -> Response:
    visit.program.look(fresh=True)
    return visit.go("/", visit.words(said))


def _reason(visit: Visit) -> str:
    return visit.given("reason")[:LONGEST_REASON]
