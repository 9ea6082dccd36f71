"""The settings as the processors use them, for the commands: what was saved in Kafka over the environment."""

from collections.abc import Iterator

from operations.kafka_reads import KafkaReads
from operations.live_settings import Current, Value, effective, read, read_from
from operations.output import Refused, note
from runtime.settings import Settings
from runtime.settings_overlay import FIELDS, merged


def in_force(reads: KafkaReads) -> Settings:
    """Return the settings with what was saved over them; Refused when Kafka does not answer."""
    return merged(reads.settings, read_from(reads).rules)


def to_be_tried(reads: KafkaReads) -> Settings:
    """The same, but a value given in the environment wins, for it is to be tried; says so where one was saved."""
    settings, current = reads.settings, read_from(reads)
    given = frozenset(name for name in FIELDS.values() if name in settings.model_fields_set)
    held, tried = merged(settings, current.rules), merged(settings, current.rules, but=given)
    for name in FIELDS.values():
        if (saved := getattr(held, name)) != (value := getattr(tried, name)):
            note(
                f"trying {name.upper()}={shown(value)} of the environment; the processors use the saved {shown(saved)}"
            )
    return tried


def saved_over(settings: Settings) -> Settings:
    """The same as `in_force`, but the environment's alone where Kafka can't be asked."""
    try:
        return merged(settings, read(settings).rules)
    except Refused:
        return settings


def findings(reads: KafkaReads) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, state, text and way out for `check`: each value with where it comes from, and the switch."""
    try:
        current = read_from(reads)
    except Refused as error:
        yield "saved settings", "failed", str(error), "see the findings above"
        return
    for value in effective(reads.settings, current):
        yield f"setting {value.name}", "ok", f"{shown(value.value)} ({origin(value)})", ""
    for change in current.history:
        if change.unreadable is not None and change.offset == current.last:
            yield "saved settings", "failed", f"the newest can't be used: {change.unreadable}", "save them again"
    if current.switch is not None and current.switch.paused:
        yield "switch", "warning", pause_sentence(current), "bl2sm resume"
    else:
        yield "switch", "ok", "not paused", ""


def origin(value: Value) -> str:
    """Return where a value comes from, in words."""
    if value.source == "saved" and value.changed_at is not None:
        return f"saved by {value.changed_by} {value.changed_at:%Y-%m-%d %H:%M:%S} UTC"
    return {"environment": "from .env or the environment", "default": "default", "saved": "saved"}[value.source]


def pause_sentence(current: Current) -> str:
    """Return who paused the processors, since when and why; "" when nothing is paused."""
    switch = current.switch
    if switch is None or not switch.paused:
        return ""
    why = f" ({switch.reason})" if switch.reason else ""
    return f"paused by {switch.changed_by} since {switch.changed_at:%Y-%m-%d %H:%M:%S} UTC{why}"


def shown(value: str | bool | None) -> str:
    """Return a value for people."""
    if value is None:
        return "(the environment's)"
    if isinstance(value, bool):
        return str(value).lower()
    return value or "(empty)"
