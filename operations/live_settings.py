"""The topic `<prefix>.settings`, from outside: what was saved, by whom and when; and saving, without losing a change.

A save is a transaction under one fixed id: it fences whoever else is saving, reads the topic to its end, writes, and
takes the row back unless it lies exactly there. So of two that save at the same moment one is refused, and no change
lies unseen between the look and the write, whoever wrote it. Not promised: that the *person* has seen the newest
values, unless `expected` says which ones were looked at; that a save whose answer was lost is not in force (look
again); and that processors have taken it over when a save returns: they do so within seconds.
"""

import getpass
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from operations.kafka_reads import KafkaReads
from operations.output import Refused
from operations.settings_rows import SECONDS, Change, Current, Difference, exists, read_rows
from operations.settings_write import write
from operations.topic_reads import away
from runtime.kafka import admin_config
from runtime.settings import Settings, SettingsError
from runtime.settings_overlay import FIELDS, NAMES, merged, validated
from schemas.codec import RegistryUnavailable
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch
from schemas.topics import TopicProblem, Topics, ensure_topics

__all__ = [
    "Change", "Current", "Difference", "Source", "Value", "differences", "effective", "has_personal", "read",
    "read_from", "save_rules", "save_switch", "to_save", "who", "with_value",
]  # fmt: skip

Source = Literal["environment", "saved", "default"]
LONGEST_NAME, LONGEST_REASON = 100, 300
PERSONAL = re.compile(r"\S@\S|\+\d[\d\s-]{6,}\d|\b\d{3}[\s-]\d{3}[\s-]\d{3}\b")  # an order's id is written in one piece
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value:
    """A setting as the processors use it, by its variable's name; who and when only where it was saved."""

    name: str
    value: str | bool
    source: Source
    changed_by: str | None = None
    changed_at: datetime | None = None


def read(settings: Settings) -> Current:
    """Read the topic to its end; a topic that is not there holds nothing. Refused when the broker does not answer."""
    with KafkaReads(settings) as reads:
        return read_from(reads)


def read_from(reads: KafkaReads) -> Current:
    """The same with readers that are open already."""
    return _refusing(reads.settings, lambda: read_rows(reads) if exists(reads) else Current())


def effective(settings: Settings, current: Current) -> list[Value]:
    """Return every setting of the shop as the processors use it, and where its value comes from."""
    held = merged(settings, current.rules)
    found = []
    for field, name in FIELDS.items():
        saved = current.rules is not None and getattr(current.rules, field) is not None
        source: Source = "saved" if saved else "environment" if name in settings.model_fields_set else "default"
        value: str | bool = getattr(held, name)
        by, at = _changed(current, name.upper()) if saved else (None, None)
        found.append(Value(name.upper(), value, source, by, at))
    return found


def save_rules(settings: Settings, rules: ShopSettings, expected: int | None = None) -> None:
    """Save all values (None = the environment's hold). Refused where one is wrong, or nothing could be written.

    `expected` = `Current.last` of what was looked at: Refused when something was saved since.
    """
    try:
        rules = validated(rules)
    except SettingsError as error:
        raise Refused(str(error)) from None
    rules = replace(rules, changed_by=_name(rules.changed_by), changed_at=_whole_ms(rules.changed_at))
    _save(settings, RULES_KEY, rules, expected)


def save_switch(settings: Settings, switch: Switch, expected: int | None = None) -> None:
    """Pause or resume; Refused as above."""
    reason = " ".join(switch.reason.split())
    if len(reason) > LONGEST_REASON:
        raise Refused(f"the reason is longer than {LONGEST_REASON} characters: say it shorter")
    if has_personal(reason):
        raise Refused("the reason holds an e-mail or a phone number, and is kept in Kafka: say it without")
    name = _name(switch.changed_by)
    switch = replace(switch, reason=reason, changed_by=name, changed_at=_whole_ms(switch.changed_at))
    _save(settings, SWITCH_KEY, switch, expected)


def with_value(current: Current, name: str, text: str | None, by: str, at: datetime) -> ShopSettings:
    """Return what is saved with one value more, by its variable's name; None = the environment's. Refused."""
    field = NAMES.get(name.upper())
    if field is None:
        raise Refused(f"{name} can't be saved in Kafka: these can: {', '.join(NAMES)}. Others are in the environment")
    base = current.rules or ShopSettings(None, None, None, None, by, at)
    value: Any = text
    if field == "skip_shop_orders" and text is not None:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        if text.strip().lower() not in words:
            raise Refused("SKIP_SHOP_ORDERS: must be true or false")
        value = words[text.strip().lower()]
    wanted = replace(base, **{field: value}, changed_by=by, changed_at=at)
    try:
        return validated(wanted)
    except SettingsError as error:
        raise Refused(str(error)) from None


def has_personal(text: str) -> bool:
    """Whether a text seems to hold an e-mail or a phone number."""
    return PERSONAL.search(text) is not None


def to_save(settings: Settings, current: Current, wanted: ShopSettings, unset: Collection[str] = ()) -> ShopSettings:
    """Return what is to be saved of values for all settings: not what comes from the environment and is as it was.

    `unset` names the record's fields for which the environment's value shall hold again.
    """
    held = {value.name: value for value in effective(settings, current)}
    left: dict[str, Any] = {
        field: None
        for field, name in FIELDS.items()
        if field in unset or ((value := held[name.upper()]).source != "saved" and value.value == getattr(wanted, field))
    }
    return replace(wanted, **left)


def differences(settings: Settings, current: Current, wanted: ShopSettings) -> tuple[Difference, ...]:
    """Return which values would be others, or come from elsewhere, once this is saved. SettingsError."""
    before, after = effective(settings, current), effective(settings, Current(rules=wanted))
    return tuple(
        Difference(old.name, old.value, new.value)
        for old, new in zip(before, after, strict=True)
        if (old.value, old.source) != (new.value, new.source)
    )


def who() -> str:
    """Return the system's user, for `changed_by`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _changed(current: Current, name: str) -> tuple[str | None, datetime | None]:
    """Return who gave a value the one it has, and when."""
    for change in reversed(current.history):
        if any(difference.name == name for difference in change.differences):
            return change.changed_by, change.changed_at
    rules = current.rules
    return (rules.changed_by, rules.changed_at) if rules is not None else (None, None)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME:
        raise Refused(f"say who changes it, in 1 to {LONGEST_NAME} characters")
    if has_personal(name):
        raise Refused("the name holds an e-mail or a phone number, and is kept in Kafka: say it without")
    return name


def _whole_ms(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _refusing(settings: Settings, work: Callable[[], T]) -> T:
    try:
        return work()
    except KafkaException as error:
        raise away(settings, error) from None
    except RegistryUnavailable as error:
        raise Refused(f"the schema registry does not answer ({error}): check SCHEMA_REGISTRY_URL") from None
    except TopicProblem as error:
        raise Refused(str(error)) from None


def _save(settings: Settings, key: bytes, record: ShopSettings | Switch, expected: int | None) -> None:
    with KafkaReads(settings) as reads:
        _refusing(settings, lambda: _make_topic(reads))
        _refusing(settings, lambda: write(reads, key, record, expected))


def _make_topic(reads: KafkaReads) -> None:
    if not exists(reads):
        settings = reads.settings
        admin = AdminClient(admin_config(settings))
        ensure_topics(admin, Topics(settings.topic_prefix), settings.journal_partitions, seconds=SECONDS)
