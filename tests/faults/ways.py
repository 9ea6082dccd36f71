"""The ways an order may take through the processor: what happens before, and what lies in the journal at last.

Every way says what a stand-in must do for it; scenarios of one way share a pair of stand-ins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clients import Contact, Http, PurchaseEvent, SalesManago
from sandbox.server import CLIENT_ID, LOCATION, OWNER, SECRET
from schemas.records import Origin, Outcome
from tests.faults.points import LAUNCHER, record
from tests.faults.scenario import REJECTED, Scenario
from tests.harness.waiting import LONG


@dataclass(frozen=True, slots=True)
class Way:
    """`prepare` leaves entries in the journal that the processor under test will find."""

    name: str
    prepare: Callable[[Scenario], None]
    switches: dict[str, Any] = field(default_factory=dict)  # SALESmanago's
    steady: bool = True  # the same points in the same order each time


def purchase(scenario: Scenario) -> None:
    """A first order: contact, intent, look, create."""
    scenario.publish(scenario.place())


def contact_only(scenario: Scenario) -> None:
    """An edit of an order that was never placed under our eyes: a contact, no purchase."""
    scenario.publish(scenario.place(log_types=[16]))


def allegro(scenario: Scenario) -> None:
    """A marketplace's order whose buyer is found under the phone of an earlier one."""
    phone = f"+48 6{scenario.number % 1_000_000:06d}99"
    scenario.place(0, log_types=[], phone=phone)
    masked = f"x{scenario.number}+y@allegromail.pl"
    scenario.publish(scenario.place(1, order_source="allegro", order_source_id=3001, email=masked, phone=phone))


def update(scenario: Scenario) -> None:
    """A purchase that exists; the order was changed since, and says so by type 2."""
    scenario.publish(scenario.place())
    scenario.programs.catch_up("processor")
    scenario.updates = True
    scenario.publish(scenario.place(log_types=[2], delivery_price=77.5))


def replay(scenario: Scenario) -> None:
    """A purchase that exists and of which no row is left; a replay updates it and creates none."""
    scenario.updates = True
    entries = scenario.place()
    api = SalesManago(
        Http("SALESmanago"), scenario.apis["SALESMANAGO_API_URL"], CLIENT_ID, SECRET, "any", OWNER,
    )  # fmt: skip
    contact_id = api.upsert_contact(Contact(f"buyer{scenario.number}.0@example.com"))
    order_id = str(scenario.orders[0])
    api.add_event(contact_id, PurchaseEvent(order_id, datetime.now(UTC), LOCATION, Decimal("1.00")))
    scenario.publish([(0, kind, order) for _, kind, order in entries], Origin.REPLAY)


def dead_letter(scenario: Scenario) -> None:
    """A contact that SALESmanago refuses for good."""
    entries = scenario.place(email=REJECTED)
    scenario.outcomes[scenario.orders[0]] = Outcome.DEAD
    scenario.publish(entries)


def several(scenario: Scenario) -> None:
    """Four orders at once: two of one contact, one named twice, one that only changed a contact."""
    entries = [*scenario.place(0), *scenario.place(1, log_types=[1, 11])]
    entries += scenario.place(2, email=f"buyer{scenario.number}.0@example.com")
    scenario.publish([*entries, *scenario.place(3, log_types=[16])])


LOST = [{"kind": "reset", "where": "addContactExtEvent", "after": True}]

WAYS = (
    Way("a purchase", purchase),
    Way("a contact only", contact_only),
    Way("an Allegro order", allegro),
    Way("an update", update),
    Way("a replay without a row", replay),
    Way("a dead letter", dead_letter, {"reject_email": REJECTED}),
    Way("several orders", several, steady=False),
    Way("every create's reply is lost", purchase, {"faults": LOST}, steady=False),
)


def points_of(way: Way, make: Callable[[], Scenario]) -> list[str]:
    """Let the processor go the way to its end; return the points it passed, in order."""

    def go() -> list[str]:
        with make() as scenario:
            way.prepare(scenario)
            path = scenario.programs.folder / "points"
            process = scenario.programs.start(LAUNCHER, "processor", "--until-caught-up", CRASH_RECORD=str(path))
            assert process.wait(LONG) == 0, scenario.programs.tails()
            assert scenario.problems() == [], f"{way.name} goes wrong without any fault"
            return path.read_text().split("\n")[:-1]

    return record(go)
