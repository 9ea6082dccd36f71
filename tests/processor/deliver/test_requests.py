"""What each step asks of SALESmanago, and what is checked as the request's body is written."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from clients import Contact
from processor.decide.rules import Send
from processor.deliver.attempt import Attempt, Step
from processor.deliver.lease import Lease
from processor.deliver.requests import LOOK_AGE_SECONDS, Requests, ask_of
from processor.deliver.state_machine import Limits
from processor.errors import LeaseLost, TooOld
from schemas.records import Delivery, Outcome
from tests.processor.deliver.attempts import PURCHASE, an_attempt
from tests.processor.entries import row

CONTACT = Contact("a@example.com", name="Anna", tags=("T",))


class Asked:
    """The calls made, by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.made: list[tuple[Any, ...]] = []
        self.checks: list[Callable[[], None]] = []
        self.lease = Lease(1000, lambda: self.now)
        api: Any = SimpleNamespace(
            upsert_contact=self._note("upsert"), add_event=self._note("add"), update_event=self._note("update")
        )
        self.requests = Requests(api, self.lease, Limits(4, 20, 10, 20), lambda: self.now)

    def _note(self, name: str) -> Callable[..., None]:
        def call(*given: Any, before_write: Callable[[], None]) -> None:
            self.made.append((name, *given))
            self.checks.append(before_write)

        return call


def at(step: Step, **fields: Any) -> Attempt:
    given: dict[str, Any] = {"contact_id": "c1", "known_event": "e1", "send": Send(CONTACT, PURCHASE)} | fields
    return an_attempt(step=step, **given)


def test_a_contact_is_written_whole_or_where_it_bought_again_since_by_its_tags_alone() -> None:
    asked, attempt = Asked(), at(Step.UPSERT)
    asked.requests.of(attempt)()
    attempt.keep_fields = True
    asked.requests.of(attempt)()
    assert asked.made == [("upsert", CONTACT), ("upsert", Contact("a@example.com", tags=("T",)))]


def test_an_update_needs_no_intent() -> None:
    asked = Asked()
    asked.requests.of(at(Step.UPDATE))()
    asked.checks[0]()
    assert asked.made == [("update", "c1", "e1", PURCHASE)]


@pytest.mark.parametrize(("looked", "intended"), [(LOOK_AGE_SECONDS + 1, 0.0), (0.0, 11.0)])
def test_a_create_on_an_old_look_or_an_old_intent_is_not_written(looked: float, intended: float) -> None:
    asked = Asked()
    asked.requests.of(at(Step.CREATE, looked_at=asked.now, intended_at=asked.now))()
    asked.checks[0]()
    asked.requests.of(at(Step.CREATE, looked_at=asked.now - looked, intended_at=asked.now - intended))()
    with pytest.raises(TooOld):
        asked.checks[1]()


def test_a_create_that_waits_on_its_way_to_the_socket_grows_too_old() -> None:
    asked = Asked()
    asked.requests.of(at(Step.CREATE, looked_at=asked.now, intended_at=asked.now))()
    asked.now += LOOK_AGE_SECONDS + 1
    with pytest.raises(TooOld):
        asked.checks[0]()


@pytest.mark.parametrize("step", [Step.UPSERT, Step.CREATE, Step.UPDATE])
def test_nothing_is_written_without_the_lease(step: Step) -> None:
    asked = Asked()
    asked.requests.of(at(step, looked_at=asked.now, intended_at=asked.now))()
    asked.lease.give_up()
    with pytest.raises(LeaseLost):
        asked.checks[0]()


@pytest.mark.parametrize(
    ("before", "own", "earlier", "intended"),
    [
        (None, {}, set(), set()),
        (row(contact_id="c1"), {}, {"c1"}, set()),
        (row(contact_id="c1", event_id=None, outcome=Outcome.SENDING), {}, {"c1"}, {"c1"}),
        (None, {"intended_contact": "c3"}, set(), set()),  # its create was not sent
        (None, {"intended_contact": "c3", "settle_until": 1.0}, set(), {"c3"}),
    ],
)
def test_the_look_must_show_every_contact_on_which_a_create_may_have_been_written(
    before: Delivery | None, own: dict[str, Any], earlier: set[str], intended: set[str]
) -> None:
    ask = ask_of(an_attempt(before, **own))
    assert (ask.contact_id, set(ask.earlier), set(ask.intended)) == ("c2", earlier, intended)
