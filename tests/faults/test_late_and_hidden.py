"""Three dangers that need an exact moment: a create that works after its sender's death, rows behind an open
transaction, an order that changes its buyer while its purchase is being created.
"""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import Delivery, Outcome
from schemas.topics import order_key, topic_id
from tests.faults.scenario import LAUNCHER, UP_TO_SECONDS, Scenario, stand_ins, switch

pytestmark = pytest.mark.slow


def test_a_create_that_works_after_its_senders_death_is_waited_for_and_adopted(kafka: str, tmp_path: Path) -> None:
    """The heir owns the partition before the dead one's request takes effect: an early look would show nothing."""
    with stand_ins() as apis:
        switch(
            apis["SALESMANAGO_API_URL"],
            faults=[{"kind": "hang", "where": "addContactExtEvent", "seconds": 9.5, "count": 1}],
        )
        scenario = Scenario(apis, kafka, tmp_path, over={"SETTLE_SECONDS": "4"})
        scenario.publish(scenario.place())
        at = "contact/addContactExtEvent written#1"
        victim = scenario.start("victim", LAUNCHER, "processor", "--until-caught-up", CRASH_AT=at)
        assert scenario.ended(victim) == -9, scenario.tail("victim")
        assert scenario.finish() == [], scenario.tail("heir")
        assert scenario.problems() == [], scenario.tail("heir")


def test_rows_behind_a_killed_members_open_transaction_are_waited_for(kafka: str, tmp_path: Path) -> None:
    """An open transaction hides all later rows: the ledger's end is not where reading of committed rows ends."""
    with stand_ins() as apis:
        scenario = Scenario(apis, kafka, tmp_path)
        entries = scenario.place()
        order_id = scenario.orders[0]
        scenario.publish(entries)
        partition = scenario.partition_of(order_id)
        killed = _transactional(kafka)
        killed.init_transactions(30)
        killed.begin_transaction()
        killed.produce(scenario.topics.deliveries, partition=partition, key=order_key(1), value=b"never committed")
        killed.flush(30)  # it lies there, and its transaction stays open: nobody ends it before it times out
        row = Delivery(
            outcome=Outcome.DELIVERED,
            reason="created",
            purchase_due=False,
            journal_offset=0,
            journal_topic_id=topic_id(AdminClient({"bootstrap.servers": kafka}), scenario.topics.journal),
            log_id=entries[0][0],
            contact_id="contact",
            event_id="event",
            fingerprint=None,
            delivered_at=datetime.now(UTC),
        )
        heir = _transactional(kafka)
        heir.init_transactions(30)
        heir.begin_transaction()
        value = make_codec(scenario.topics, None).encode(row)
        heir.produce(scenario.topics.deliveries, partition=partition, key=order_key(order_id), value=value)
        heir.commit_transaction(30)
        assert scenario.finish() == [], scenario.tail("heir")
        assert fetch_state(apis["SALESMANAGO_API_URL"])["writes"] == [], (
            "its row was not seen: the order was sent again"
        )
        del killed


def test_an_order_whose_buyer_changes_while_its_purchase_is_created_has_one_purchase(
    kafka: str, tmp_path: Path
) -> None:
    """Two jobs of one order would be in the lanes of two contacts, and neither look would show the other's event."""
    with stand_ins("--latency", "1.0") as apis:
        scenario = Scenario(apis, kafka, tmp_path, over={"CREATE_TIMEOUT_SECONDS": "5", "SESSION_TIMEOUT_MS": "10000"})
        scenario.publish(scenario.place())
        process = scenario.start("processor", "processor", "--until-caught-up")

        def state() -> dict[str, list[dict[str, object]]]:
            found: dict[str, list[dict[str, object]]] = fetch_state(apis["SALESMANAGO_API_URL"])
            return found

        _wait(lambda: bool(state()["contacts"]) or process.poll() is not None)
        scenario.publish(scenario.place(log_types=[2], email=f"buyer{scenario.number}.9@example.com"))
        assert scenario.ended(process) == 0, scenario.tail("processor")
        assert scenario.finish() == [], scenario.tail("heir")
        created = [write for write in state()["writes"] if write["kind"] == "event"]
        assert len(created) == 1, f"the order: has {len(created)} purchases\n{scenario.tail('processor')}"


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + UP_TO_SECONDS
    while not until():
        if time.monotonic() > end:
            pytest.fail("what was waited for did not come")
        time.sleep(0.05)


def _transactional(kafka: str) -> Producer:
    config = {"bootstrap.servers": kafka, "transactional.id": uuid.uuid4().hex, "transaction.timeout.ms": 10_000}
    return Producer(config)
