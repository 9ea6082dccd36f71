"""An order's story in words."""

from datetime import UTC, datetime

from console import timeline
from console.words import Words
from operations.explain import Story, fresh_read
from processor.decide.rules import Enriched, RuleSettings
from schemas.records import Delivery, Outcome
from tests.processor.simulated import order

RULES = RuleSettings(location="sklep_1")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_purchase_that_is_gone_is_reported_with_what_sends_it_again() -> None:
    row = Delivery(Outcome.DEAD, "event_gone", True, 5, "T", 1, "C", "E", "a.b", NOW)
    story = Story(7, 0, 6, (), row, (), "", None)
    (step,) = timeline.steps(story, Words("en"))
    assert "bl2sm retract --order 7 --execute" in step.detail and "as soon as" not in step.detail
    found = fresh_read(Enriched(order(7, email="a@example.com")), purchase=True, row=row, rules=RULES, reveal=False)
    assert found.fate == "gone" and "`retract` and then `replay`" in found.would
