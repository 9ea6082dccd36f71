"""What was saved is followed row by row: nothing counts before the end is reached, and a bad row changes nothing."""

from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException

from processor.control.settings_watch import REGISTRY_PAUSE_SECONDS, SettingsWatch
from processor.decide.rules import RuleSettings
from runtime.compacted_reader import ASK_SECONDS, CompactedReader
from runtime.settings import SettingsError
from schemas.codec import RegistryUnavailable, make_codec
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch
from schemas.topics import Topics

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CODEC = make_codec(Topics("t"), None)
ON, OFF = Switch(True, "why", "ala", AT), Switch(False, "", "ola", AT)


def tagged(tag: str) -> ShopSettings:
    return ShopSettings(tag, None, None, None, "ala", AT)


def rules_of(saved: ShopSettings | None) -> RuleSettings:
    tag = saved.contact_tag if saved is not None and saved.contact_tag is not None else "Env"
    if tag == "refused":
        raise SettingsError("CONTACT_TAG: no")
    return RuleSettings(location="sklep", contact_tag=tag)


class Place:
    """A topic in memory, on a simulated clock; `end` = what the broker says."""

    def __init__(self, end: int = 0) -> None:
        self.now, self.came, self.end = 100.0, [], end  # type: ignore[var-annotated]
        self.away = self.registry_away = self.mute = False
        self.offset = 0
        consumer: Any = SimpleNamespace(incremental_assign=lambda parts: None, consume=self.consume)
        admin: Any = SimpleNamespace(list_offsets=self.list_offsets, list_topics=lambda *_, **__: None)
        codec: Any = SimpleNamespace(decode=self.decode)
        self.watch = SettingsWatch(CompactedReader(consumer, admin, "t.settings"), codec, rules_of)

    def consume(self, count: int, seconds: float) -> list[Any]:
        assert seconds == 0
        came, self.came = self.came, []
        return came

    def list_offsets(self, asked: Any, **options: Any) -> dict[Any, Future[Any]]:
        answer: Future[Any] = Future()
        if self.mute:
            return dict.fromkeys(asked, answer)
        if self.away:
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        else:
            answer.set_result(SimpleNamespace(offset=self.end))
        return dict.fromkeys(asked, answer)

    def decode(self, value: bytes, kind: Any) -> Any:
        if self.registry_away:
            raise RegistryUnavailable("away")
        return CODEC.decode(value, kind)

    def row(self, key: bytes, content: ShopSettings | Switch | bytes | None) -> None:
        value = CODEC.encode(content) if isinstance(content, ShopSettings | Switch) else content
        self.came.append(self._message(self.offset, key, value, None))
        self.offset += 1

    def eof(self, offset: int | None = None) -> None:
        end = SimpleNamespace(code=lambda: KafkaError._PARTITION_EOF)
        self.came.append(self._message(self.offset if offset is None else offset, None, None, end))

    def _message(self, offset: int, key: bytes | None, value: bytes | None, error: Any) -> Any:
        return SimpleNamespace(
            partition=lambda: 0, offset=lambda: offset, key=lambda: key, value=lambda: value, error=lambda: error
        )

    def turn(self, seconds: float = 1.0) -> SettingsWatch:
        self.now += seconds
        self.watch.poll(self.now)
        return self.watch


def test_nothing_is_known_before_the_true_end_was_read() -> None:
    place = Place(end=3)
    place.row(RULES_KEY, tagged("A"))
    place.eof(1)  # an open transaction hides the rest
    assert not place.turn().known
    place.row(SWITCH_KEY, ON)
    place.eof(3)
    assert place.turn().known
    assert place.watch.paused


def test_an_end_that_is_not_told_is_asked_for_again() -> None:
    place = Place()
    place.away = True
    place.eof()
    assert not place.turn().known
    place.away = False
    assert place.turn().known


def test_an_end_that_the_leader_did_not_report_is_asked_for_again() -> None:
    place = Place(end=OFFSET_INVALID)
    place.eof(1)  # an open transaction hides the rest
    assert not place.turn().known
    place.end = 3
    assert not place.turn().known
    place.eof(3)
    assert place.turn().known


def test_the_newest_row_holds_and_a_row_taken_away_gives_the_environment_back() -> None:
    place = Place()
    place.row(RULES_KEY, tagged("A"))
    place.row(RULES_KEY, tagged("B"))
    place.row(SWITCH_KEY, ON)
    assert place.turn().rules.contact_tag == "B"
    assert place.watch.sentence == "paused by ala since 2026-11-25 12:00:00 UTC (why): bl2sm resume"
    place.row(RULES_KEY, None)
    place.row(SWITCH_KEY, OFF)
    assert (place.turn().rules.contact_tag, place.watch.paused, place.watch.sentence) == ("Env", False, "")


@pytest.mark.parametrize("bad", [b"rubbish", b"", tagged("refused"), CODEC.encode(ON)])
def test_a_bad_row_changes_nothing(bad: Any) -> None:
    place = Place()
    place.row(RULES_KEY, tagged("A"))
    rules = place.turn().rules
    place.row(RULES_KEY, bad)
    place.row(b"else", b"rubbish")
    place.row(SWITCH_KEY, ON)
    assert place.turn().rules is rules
    assert place.watch.paused
    place.row(SWITCH_KEY, b"rubbish")
    assert place.turn().paused


def test_while_the_registry_is_away_the_last_values_hold_and_no_row_is_lost() -> None:
    place = Place()
    place.row(RULES_KEY, tagged("A"))
    place.eof()
    assert place.turn().known
    place.registry_away = True
    place.row(RULES_KEY, tagged("B"))
    place.row(SWITCH_KEY, ON)
    assert place.turn().rules.contact_tag == "A"
    assert place.watch.known
    place.registry_away = False
    assert not place.turn(REGISTRY_PAUSE_SECONDS / 2).paused
    assert place.turn(REGISTRY_PAUSE_SECONDS).paused
    assert place.watch.rules.contact_tag == "B"


def test_a_start_waits_for_a_registry_that_is_away() -> None:
    place = Place(end=1)
    place.registry_away = True
    place.row(SWITCH_KEY, ON)
    place.eof()
    assert not place.turn().known
    place.registry_away = False
    assert place.turn(REGISTRY_PAUSE_SECONDS).known
    assert place.watch.paused


def test_a_question_for_the_end_that_is_never_answered_is_asked_again() -> None:
    place = Place(end=0)
    place.mute = True
    place.eof()
    assert not place.turn().known
    place.mute = False
    place.turn(ASK_SECONDS)
    assert not place.watch.known
    place.turn(2 * ASK_SECONDS)
    assert place.turn().known
