"""What each step asks of SALESmanago, and what is checked as the request's body is written."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from clients import Contact, PurchaseEvent
from processor.decide.rules import Send
from processor.deliver.lease import Lease
from processor.deliver.requests import LOOK_AGE_SECONDS, Calls
from processor.deliver.state_machine import Limits, TooOld
from processor.job import Job, Step
from tests.processor.entries import entry

EVENT = PurchaseEvent("7", datetime.now(UTC), "shop", Decimal(1))
CONTACT = Contact("a@example.com", name="Anna", tags=("T",))


class Asked:
    """The calls made, by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.made: list[tuple[Any, ...]] = []
        self.checks: list[Callable[[], None]] = []
        api: Any = SimpleNamespace(
            upsert_contact=self._note("upsert"), add_event=self._note("add"), update_event=self._note("update")
        )
        self.calls = Calls(api, Lease(1000, lambda: self.now), Limits(4, 20, 10, 20), lambda: self.now)

    def _note(self, name: str) -> Callable[..., None]:
        def call(*given: Any, before_write: Callable[[], None]) -> None:
            self.made.append((name, *given))
            self.checks.append(before_write)

        return call


def a_job(step: Step) -> Job:
    job = Job(7, 0, None, [entry(7)], step=step, send=Send(CONTACT, EVENT), contact_id="c1")
    job.known_event = "e1"
    return job


def test_a_contact_is_written_whole_or_where_it_bought_again_since_by_its_tags_alone() -> None:
    asked, job = Asked(), a_job(Step.UPSERT)
    asked.calls.of(job)()
    job.keep_fields = True
    asked.calls.of(job)()
    assert asked.made == [("upsert", CONTACT), ("upsert", Contact("a@example.com", tags=("T",)))]


def test_an_update_needs_no_intent() -> None:
    asked = Asked()
    asked.calls.of(a_job(Step.UPDATE))()
    asked.checks[0]()
    assert asked.made == [("update", "c1", "e1", EVENT)]


@pytest.mark.parametrize(("looked", "intended"), [(LOOK_AGE_SECONDS + 1, 0.0), (0.0, 11.0)])
def test_a_create_on_an_old_look_or_an_old_intent_is_not_written(looked: float, intended: float) -> None:
    asked, job = Asked(), a_job(Step.CREATE)
    job.looked_at, job.intended_at = asked.now, asked.now
    asked.calls.of(job)()
    asked.checks[0]()
    aged = replace(job, looked_at=asked.now - looked, intended_at=asked.now - intended)
    asked.calls.of(aged)()
    with pytest.raises(TooOld):
        asked.checks[1]()
