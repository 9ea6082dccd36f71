"""Three dangers that need an exact moment: a create that works after its sender's death, rows behind an open
transaction, an order that changes its buyer while its purchase is being created.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from runtime.topic_identity import topic_id
from schemas.codec import make_codec
from schemas.records import Delivery, Outcome
from schemas.topics import order_key
from tests.faults.points import LAUNCHER
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import purchases, sandbox, switch, writes
from tests.harness.waiting import LONG, wait_until

pytestmark = pytest.mark.slow


def test_a_create_that_works_after_its_senders_death_is_waited_for_and_adopted(kafka: str, tmp_path: Path) -> None:
    """The heir owns the partition before the dead one's request takes effect: an early look would show nothing."""
    with (
        sandbox("--orders", "0") as apis,
        Scenario(apis, kafka, tmp_path, over={"SETTLE_SECONDS": "4"}) as scenario,
    ):
        late = {"kind": "hang", "where": "addContactExtEvent", "seconds": 9.5, "count": 1}
        switch(apis["SALESMANAGO_API_URL"], faults=[late])
        scenario.publish(scenario.place())
        at = "contact/addContactExtEvent written#1"
        victim = scenario.programs.start(LAUNCHER, "processor", "--until-caught-up", CRASH_AT=at)
        assert victim.wait(LONG) == -9, scenario.programs.tails()
        scenario.programs.catch_up("processor")
        assert scenario.problems() == [], scenario.programs.tails()


def test_rows_behind_a_killed_members_open_transaction_are_waited_for(kafka: str, tmp_path: Path) -> None:
    """An open transaction hides all later rows: the ledger's end is not where reading of committed rows ends."""
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path) as scenario:
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
        scenario.programs.catch_up("processor")
        assert writes(apis) == [], "its row was not seen: the order was sent again"
        del killed


def test_an_order_whose_buyer_changes_while_its_purchase_is_created_has_one_purchase(
    kafka: str, tmp_path: Path
) -> None:
    """Two jobs of one order would be in the lanes of two contacts, and neither look would show the other's event."""
    over = {"CREATE_TIMEOUT_SECONDS": "5", "SESSION_TIMEOUT_MS": "10000"}
    with (
        sandbox("--orders", "0", "--latency", "1.0") as apis,
        Scenario(apis, kafka, tmp_path, over=over) as scenario,
    ):
        scenario.publish(scenario.place())
        process = scenario.programs.start("processor", "--until-caught-up")
        wait_until(lambda: writes(apis), LONG, "its contact is written", process)
        scenario.publish(scenario.place(log_types=[2], email=f"buyer{scenario.number}.9@example.com"))
        assert process.wait(LONG) == 0, scenario.programs.tails()
        scenario.programs.catch_up("processor")
        created = purchases(apis).total()
        assert created == 1, f"the order: has {created} purchases\n{scenario.programs.tails()}"


def _transactional(kafka: str) -> Producer:
    config = {"bootstrap.servers": kafka, "transactional.id": uuid.uuid4().hex, "transaction.timeout.ms": 10_000}
    return Producer(config)
