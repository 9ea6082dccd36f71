"""The rows of `<prefix>.settings`, read to their end: what holds now, and every change that led there."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, Message

from operations.kafka_reads import KafkaReads
from runtime.end_offsets import NO_LEADER, find_ends
from runtime.settings import SettingsError
from runtime.settings_overlay import FIELDS, validated
from schemas.codec import DecodeError
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch

SECONDS = 10.0
NEW_TOPIC_SECONDS = 15.0  # until a topic that was just made has a leader that knows it
NO_LEADER_YET = NO_LEADER | {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART}
SWITCH_FIELDS = {"paused": "paused", "reason": "reason"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value before and after a change; None = the environment's holds."""

    name: str
    before: str | bool | None
    after: str | bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the topic. `record` None = taken away, or not to be read: `unreadable` says why, and nothing changed."""

    offset: int
    key: str
    changed_by: str
    changed_at: datetime
    differences: tuple[Difference, ...]
    record: ShopSettings | Switch | None
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """What holds now; `history` oldest first. `last` = the offset of the newest row (-1 = none), for `expected`."""

    rules: ShopSettings | None = None
    switch: Switch | None = None
    history: tuple[Change, ...] = ()
    last: int = -1

    @property
    def paused(self) -> bool:
        """Whether the processors are told not to send."""
        return self.switch is not None and self.switch.paused


def exists(reads: KafkaReads) -> bool:
    """Whether the topic is there."""
    return reads.topics.settings in reads.admin.list_topics(timeout=SECONDS).topics


def read_rows(reads: KafkaReads) -> Current:
    """Read the topic to its end; KafkaException, RegistryUnavailable, Refused."""
    current = Current()
    for message in patiently(lambda: list(reads.whole(reads.topics.settings))):
        current = _after(current, message, reads)
    return current


def end_of(reads: KafkaReads) -> int:
    """Return the offset that the next row gets; rows of open transactions count."""
    return patiently(lambda: find_ends(reads.admin, reads.topics.settings, [0], SECONDS)[0])


def patiently(ask: Callable[[], T]) -> T:
    """Ask again while a new topic has no leader yet."""
    until = time.monotonic() + NEW_TOPIC_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in NO_LEADER_YET or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _after(current: Current, message: Message, reads: KafkaReads) -> Current:
    """Return what holds after one more row; a row that can't be read changes nothing, as with the processors."""
    key, value, offset = message.key(), message.value(), message.offset() or 0
    if key not in (RULES_KEY, SWITCH_KEY):
        return replace(current, last=offset)
    name = "rules" if key == RULES_KEY else "switch"
    before: ShopSettings | Switch | None = current.rules if key == RULES_KEY else current.switch
    record: ShopSettings | Switch | None = None
    by, at = "", datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    try:
        if isinstance(value, bytes) and key == RULES_KEY:
            record = validated(reads.codec.decode(value, ShopSettings))
        elif isinstance(value, bytes):
            record = reads.codec.decode(value, Switch)
    except (DecodeError, SettingsError) as error:
        broken = Change(offset, name, by, at, (), None, str(error))
        return replace(current, history=(*current.history, broken), last=offset)
    if record is not None:
        by, at = record.changed_by, record.changed_at
    change = Change(offset, name, by, at, _differences(key == SWITCH_KEY, before, record), record)
    held = {name: record}
    return replace(current, **held, history=(*current.history, change), last=offset)  # type: ignore[arg-type]


def _differences(
    switch: bool, before: ShopSettings | Switch | None, after: ShopSettings | Switch | None
) -> tuple[Difference, ...]:
    names = SWITCH_FIELDS if switch else FIELDS
    pairs = [(name.upper(), getattr(before, field, None), getattr(after, field, None)) for field, name in names.items()]
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])
