"""`bl2sm settings`: the shop's settings as the processors use them, where each comes from, who changed what; saving."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from clients import ApiError
from operations.in_force import origin, pause_sentence, shown
from operations.init import list_shops, tell_unlisted
from operations.live_settings import (
    Change,
    Difference,
    Value,
    differences,
    effective,
    read,
    save_rules,
    who,
    with_value,
)
from operations.options import AsJson, By, Execute
from operations.output import Refused, WrongUsage, command, line, note, print_json, sentence, table
from runtime.settings import Settings, load_settings
from runtime.settings_overlay import merged
from schemas.records import Switch

TAKEN_OVER = (
    "every processor takes it over within seconds, before its next order is decided. Orders that are decided already go"
    " on as they are; to have none of these, pause, save, resume"
)

app = typer.Typer(help="The shop's settings. Example: bl2sm settings set SKIP_SHOP_ORDERS true --execute.")


@dataclass(frozen=True, slots=True)
class SettingsView:
    """What holds, and what was changed, newest first."""

    values: tuple[Value, ...]
    switch: Switch | None
    history: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What a save changes; `executed` = it was done."""

    differences: tuple[Difference, ...]
    executed: bool


@app.callback(invoke_without_command=True)
@command
def show(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="The newest so many changes.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show each setting of the shop, where its value comes from, and who changed what. Example: bl2sm settings."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(need="kafka")
    current = read(settings)
    values = effective(settings, current)
    newest = tuple(reversed(current.history))[:limit]
    if as_json:
        print_json(SettingsView(tuple(values), current.switch, newest))
        return
    table(["setting", "value", "from"], [(one.name, shown(one.value), origin(one)) for one in values])
    line(pause_sentence(current) or "not paused")
    if newest:
        line()
        table(["changed", "by", "what"], [(_time(one.changed_at), one.changed_by or "-", _what(one)) for one in newest])


@app.command("set")
@command
def set_value(
    name: Annotated[str, typer.Argument(help="CONTACT_TAG, SALESMANAGO_LOCATION, TAG_ORDER_SOURCE, SKIP_SHOP_ORDERS.")],
    value: Annotated[str, typer.Argument(help='Its value; "" = none, where that is allowed.')],
    by: By = None,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Save a value for all processors; it holds over the environment's.

    Example: bl2sm settings set SKIP_SHOP_ORDERS true --execute
    """
    _save(name, value, by, execute, as_json)


@app.command("unset")
@command
def unset(
    name: Annotated[str, typer.Argument(help="The setting's name.")],
    by: By = None,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Let the environment's value hold again. Example: bl2sm settings unset CONTACT_TAG --execute."""
    _save(name, None, by, execute, as_json)


def _save(name: str, value: str | None, by: str | None, execute: bool, as_json: bool) -> None:
    settings = load_settings(need="kafka")
    current = read(settings)
    try:
        wanted = with_value(current, name, value, by or who(), datetime.now(UTC))
    except Refused as error:  # by the settings' own rules
        raise WrongUsage(str(error)) from None
    changed = differences(settings, current, wanted)
    if any(one.name == "SALESMANAGO_LOCATION" for one in changed):
        _try_shop(merged(settings, wanted))
    if execute and changed:
        save_rules(settings, wanted, current.last)
    if as_json:
        print_json(SaveResult(changed, execute and bool(changed)))
        return
    for one in changed:
        line(f"{one.name}: {shown(one.before)} → {shown(one.after)}")
    if not changed:
        line("nothing changes")
        return
    note(f"saved; {TAKEN_OVER}" if execute else f"{TAKEN_OVER}. Add --execute to do it.")


def _try_shop(settings: Settings) -> None:
    """Report an e-shop that is none of the account's product catalogues, where these can be listed."""
    try:
        tell_unlisted(settings.salesmanago_location, list_shops(settings))
    except ApiError as error:
        note(f"whether this e-shop is one of the product catalogues is unknown for now: {sentence(error)[0]}")


def _what(change: Change) -> str:
    if change.unreadable is not None:
        return f"not used, it can't be read: {change.unreadable}"
    if isinstance(change.record, Switch):
        why = f": {change.record.reason}" if change.record.reason else ""
        return f"paused{why}" if change.record.paused else "resumed"
    told = (f"{one.name}: {shown(one.before)} → {shown(one.after)}" for one in change.differences)
    return "; ".join(told) or "nothing"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
