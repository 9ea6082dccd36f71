"""`bl2sm pause` and `bl2sm resume`: one switch for all processors; the producer goes on reading the journal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from operations.in_force import pause_sentence
from operations.live_settings import read, save_switch, who
from operations.options import AsJson, By
from operations.output import command, line, note, print_json
from runtime.settings import load_settings
from schemas.records import Switch


@dataclass(frozen=True, slots=True)
class Switched:
    """How it stands now; `changed` = by this command."""

    changed: bool
    switch: Switch | None


@command
def pause(
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it paused; nothing about customers.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Stop sending, at once and on every host, until `resume`; what is under way ends, orders wait in Kafka.

    Example: bl2sm pause --reason "wrong e-shop"
    """
    _switch(True, reason, by, as_json)


@command
def resume(by: By = None, as_json: AsJson = False) -> None:
    """Go on after a pause; what waits is judged by the settings of now. Example: bl2sm resume."""
    _switch(False, "", by, as_json)


def _switch(paused: bool, reason: str, by: str | None, as_json: bool) -> None:
    settings = load_settings(need="kafka")
    changed = False
    current = read(settings)
    if current.paused != paused or (paused and reason):
        save_switch(settings, Switch(paused, reason, by or who(), datetime.now(UTC)), current.last)
        current, changed = read(settings), True
    if as_json:
        print_json(Switched(changed, current.switch))
        return
    line(pause_sentence(current) or ("resumed" if changed else "not paused"))
    if changed:
        note(
            "every processor stops within seconds; calls under way end. `bl2sm resume` lets them go on"
            if paused
            else "every processor goes on within seconds"
        )
