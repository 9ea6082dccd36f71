"""What a person changes while the program runs reaches the pipeline: pause, resume, saved settings."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from processor.control import operator as module
from processor.control.operator import Operator
from processor.decide.rules import RuleSettings
from processor.errors import NeedsOperator
from runtime.health import Health
from runtime.metrics import Metrics
from schemas.records import Switch
from tests.harness.log_lines import log_lines

PAUSED = "paused by ala since 2026-11-25 12:00:00 UTC (stocktaking): bl2sm resume"


class Place:
    """An operator's control over saved settings that the test sets."""

    def __init__(self, known: bool = True, patient: bool = True) -> None:
        self.health, self.metrics = Health(), Metrics()
        self.rules = RuleSettings(location="sklep")
        saved: Any = SimpleNamespace(
            known=known, paused=False, sentence="", switch=None, rules=self.rules, poll=lambda now: None
        )
        self.saved = saved
        self.operator = Operator(saved, self.health, self.metrics, patient)

    def turn(self, now: float) -> None:
        """As the pipeline does: a pause is shown once all work has stopped for it."""
        self.operator.poll(now)
        self.operator.report()

    def pause(self) -> None:
        self.saved.paused, self.saved.sentence = True, PAUSED
        self.saved.switch = Switch(True, "stocktaking", "ala", datetime(2026, 11, 25, 12, tzinfo=UTC))

    def resume(self) -> None:
        self.saved.paused, self.saved.sentence = False, ""
        self.saved.switch = Switch(False, "", "ola", datetime(2026, 11, 25, 13, tzinfo=UTC))

    @property
    def not_ready(self) -> dict[str, str]:
        return {name: state for name, state in self.health.ready().items() if state != "ok"}

    @property
    def switched_off(self) -> float | None:
        return self.metrics.registry.get_sample_value("bl2sm_switched_off")


def test_nothing_is_taken_before_it_is_known_what_was_saved() -> None:
    place = Place(known=False)
    place.pause()  # a row that a later one may replace
    place.turn(1.0)
    assert not place.operator.may_take
    assert not place.operator.paused
    assert place.not_ready == {"saved settings": "not read yet"}
    place.resume()
    place.saved.known = True
    place.turn(2.0)
    assert place.operator.may_take
    assert place.not_ready == {}


def test_a_pause_is_followed_and_says_who_why_and_how_to_end_it() -> None:
    place = Place()
    place.turn(1.0)
    assert place.operator.may_take
    place.pause()
    with log_lines(module) as lines:
        for _ in range(3):
            place.turn(2.0)
    assert (place.operator.paused, place.operator.may_take) == (True, False)
    assert place.not_ready == {"switch": PAUSED}
    assert place.switched_off == 1
    assert [line["why"] for line in lines] == [PAUSED]
    place.resume()
    with log_lines(module) as lines:
        place.turn(3.0)
    assert (place.operator.paused, place.operator.may_take) == (False, True)
    assert place.not_ready == {}
    assert place.switched_off == 0
    assert [line["by"] for line in lines] == ["ola"]


def test_a_pause_stays_in_effect_while_the_saved_settings_cannot_be_read() -> None:
    place = Place()
    place.pause()
    place.turn(1.0)
    place.saved.known = False
    place.turn(2.0)
    assert place.operator.paused


def test_without_patience_a_pause_ends_the_program_with_the_name_of_who_paused() -> None:
    place = Place(patient=False)
    place.turn(1.0)
    place.pause()
    with pytest.raises(NeedsOperator, match="paused by ala"):
        place.turn(2.0)


def test_saved_rules_are_the_ones_in_effect() -> None:
    place = Place()
    place.turn(1.0)
    assert place.operator.rules is place.rules
    place.saved.rules = RuleSettings(location="another")
    place.turn(2.0)
    assert place.operator.rules.location == "another"
