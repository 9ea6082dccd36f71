"""Kafka takes no transaction (the ledger topic was given a bound that no row keeps): told, and mended by itself."""

import json
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from sandbox.remote import fetch_state
from tests.e2e.producing import end, page, purchases, wait_until
from tests.faults.scenario import Scenario, stand_ins
from tests.harness.ports import quiet_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def bound(kafka: str, topic: str, largest: int | None) -> None:
    """Set a topic's largest message, in bytes; None = as it was."""
    how = AlterConfigOpType.DELETE if largest is None else AlterConfigOpType.SET
    entry = ConfigEntry("max.message.bytes", str(largest or ""), incremental_operation=how)
    asked = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.incremental_alter_configs([asked])[asked].result(30)


def updates(apis: dict[str, str]) -> int:
    """How often a purchase was updated."""
    writes = fetch_state(apis["SALESMANAGO_API_URL"])["writes"]
    return sum(write["kind"] == "update" for write in writes)


def test_transactions_that_are_not_taken_make_a_processor_unready_until_they_are(kafka: str, tmp_path: Path) -> None:
    with stand_ins() as apis:
        scenario, port = Scenario(apis, kafka, tmp_path, updates=True), quiet_port()
        works = scenario.start("works", "processor", HTTP_PORT=str(port))

        def commits() -> str:
            text = page(port, "/readyz")[1]
            return str(json.loads(text)["checks"].get("commits")) if text else ""

        try:
            wait_until(lambda: commits() == "ok", "it is ready", works)
            bound(kafka, scenario.topics.deliveries, 1)
            scenario.publish(scenario.place(0))
            wait_until(lambda: "Kafka did not take the last" in commits(), "it says so", works)
            assert purchases(scenario).total() == 0  # without its intent nothing is created
            bound(kafka, scenario.topics.deliveries, None)
            wait_until(lambda: purchases(scenario).total() == 1, "the order arrives", works)
            wait_until(lambda: commits() == "ok", "it is ready again", works)

            wait_until(lambda: not scenario.problems(), "it is recorded", works)
            scenario.publish(scenario.place(0, log_types=(2,), order_source_info="changed", delivery_price=17.5))
            wait_until(lambda: updates(apis) == 1, "an ordinary update", works)
            # recorded, too: a purchase that is adopted later would not be updated
            wait_until(lambda: not scenario.problems(), "it is recorded", works)
            bound(kafka, scenario.topics.deliveries, 1)
            scenario.publish(scenario.place(0, log_types=(2,), delivery_price=18.5))
            scenario.publish(scenario.place(1))
            wait_until(lambda: "Kafka did not take the last" in commits(), "it says so again", works)
            bound(kafka, scenario.topics.deliveries, None)
            wait_until(lambda: purchases(scenario).total() == 2, "what waited arrives", works)
            wait_until(lambda: not scenario.problems(), "all is recorded", works)
            assert updates(apis) <= 3  # one whose recording was refused, and one more: not one a membership
        finally:
            end(works)
        assert scenario.finish() == []
        assert scenario.problems() == []
