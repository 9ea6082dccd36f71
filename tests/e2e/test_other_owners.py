"""Contacts whose owner is another user of the account: their purchases are found, made once, and stop nobody."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from clients import Contact, Http, PurchaseEvent, SalesManago
from sandbox.remote import fetch_state
from sandbox.server import CLIENT_ID, LOCATION, SECRET
from schemas.records import Outcome
from tests.harness.commands import bl2sm, catch_up
from tests.harness.programs import QUICK, settings
from tests.harness.stand_ins import an_order, ask_sandbox, purchases, sandbox, switch
from tests.harness.topics import ledger_rows

OTHER = "second@example.com"
BOUGHT, NEW, OURS = 900_001, 900_002, 900_003


@dataclass(frozen=True, slots=True)
class Shop:
    """Three orders: one whose purchase lies with another user's contact, one of such a contact without, one of ours."""

    environment: dict[str, str]
    event_id: str  # the purchase of BOUGHT
    before: Counter[str] = field(default_factory=Counter)

    def asked(self) -> Counter[str]:
        """What SALESmanago was asked by the programs."""
        return Counter(fetch_state(self.environment["SALESMANAGO_API_URL"])["requests"]) - self.before


@contextmanager
def shop(kafka: str, **switches: object) -> Iterator[Shop]:
    """One with these readings of the API."""
    with sandbox("--orders", "1") as apis, closing(Http("SALESmanago")) as http:
        url = apis["SALESMANAGO_API_URL"]
        switch(url, other_users=[OTHER], **switches)
        other = SalesManago(http, url, CLIENT_ID, SECRET, "key", OTHER)
        event = PurchaseEvent(str(BOUGHT), datetime.now(UTC), LOCATION, Decimal("9.99"))
        event_id = other.add_event(other.upsert_contact(Contact(email_of(BOUGHT))), event)
        other.upsert_contact(Contact(email_of(NEW)))
        orders = [{"order": an_order(one, email=email_of(one)), "log_types": [1]} for one in (BOUGHT, NEW, OURS)]
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", orders)
        environment = settings(apis, kafka, f"t{uuid.uuid4().hex[:12]}") | QUICK
        yield Shop(environment, event_id, Counter(fetch_state(url)["requests"]))


def email_of(order_id: int) -> str:
    return f"buyer{order_id}@example.com"


def outcomes(environment: dict[str, str]) -> dict[int, str]:
    rows = ledger_rows(environment["KAFKA_BOOTSTRAP_SERVERS"], environment["TOPIC_PREFIX"])
    return {number: rows[number].reason for number in (BOUGHT, NEW, OURS)}


@pytest.mark.parametrize(("co_owner", "account_list"), [(True, "allowed"), (True, "denied"), (False, "allowed")])
def test_a_purchase_of_another_users_contact_is_adopted_and_a_missing_one_created_once(
    kafka: str, co_owner: bool, account_list: str
) -> None:
    with shop(kafka, co_owner=co_owner, account_list=account_list) as here:
        catch_up(here.environment)
        assert outcomes(here.environment) == {BOUGHT: "adopted", NEW: "created", OURS: "created"}
        rows = ledger_rows(here.environment["KAFKA_BOOTSTRAP_SERVERS"], here.environment["TOPIC_PREFIX"])
        assert rows[BOUGHT].event_id == here.event_id
        assert [purchases(here.environment)[str(one)] for one in (BOUGHT, NEW, OURS)] == [1, 1, 1]
        account_wide = sum(here.asked()[f"contact/{call}"] for call in ("listAll", "listAllById"))
        assert (account_wide > 0) is not co_owner, "what the owner's list shows costs no further call"
        ran = bl2sm(here.environment, "audit", "--since", "1d", "--json")
        found = {one["order_id"]: one["kind"] for one in ran.data["findings"]}
        assert found == {BOUGHT: "differing"}, "the adopted one has another value, and none is missing"


@pytest.mark.parametrize("account_list", ["denied", "403", "404"])
def test_without_the_account_wide_list_an_order_of_a_hidden_contact_fails_alone(
    kafka: str, account_list: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.deliver.stage.NOT_SHOWN_SECONDS", 0.0)
    with shop(kafka, co_owner=False, account_list=account_list) as here:
        catch_up(here.environment, MAX_ATTEMPTS="3")
        assert outcomes(here.environment) == {BOUGHT: "gave_up", NEW: "gave_up", OURS: "created"}
        rows = ledger_rows(here.environment["KAFKA_BOOTSTRAP_SERVERS"], here.environment["TOPIC_PREFIX"])
        assert rows[NEW].outcome is Outcome.DEAD
        assert [purchases(here.environment)[str(one)] for one in (BOUGHT, NEW, OURS)] == [1, 0, 1]
        asked = here.asked()
        assert asked["contact/list"] >= 3, "they were looked for again"
        for call in ("listAll", "listAllById"):  # two looks under way at once may both ask
            assert 1 <= asked[f"contact/{call}"] <= 2, "refused, and not asked for again"
        assert asked["user/listByClient"] == 1, "no pause: nobody had to ask whether the key is right"


def test_a_failure_of_the_account_wide_list_is_waited_out_and_nothing_is_doubled(kafka: str) -> None:
    faults = [{"kind": kind, "where": "listAll", "count": 2} for kind in ("500", "429")]
    with shop(kafka, co_owner=False, account_list="allowed", faults=faults) as here:
        catch_up(here.environment)
        assert outcomes(here.environment) == {BOUGHT: "adopted", NEW: "created", OURS: "created"}
        assert [purchases(here.environment)[str(one)] for one in (BOUGHT, NEW, OURS)] == [1, 1, 1]
