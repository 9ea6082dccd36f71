"""Kafka rejects every transaction (a topic has a bound that no message keeps): reported, and recovered from."""

from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.faults.scenario import Scenario
from tests.harness.stand_ins import purchases, sandbox, writes
from tests.harness.topics import published
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MARKER_BYTES = 80  # the end of a transaction needs 78: with less the broker never ends it, and its name stays blocked


def bound(kafka: str, topic: str, largest: int | None) -> None:
    """Set a topic's largest message, in bytes; None = as it was."""
    how = AlterConfigOpType.DELETE if largest is None else AlterConfigOpType.SET
    entry = ConfigEntry("max.message.bytes", str(largest or ""), incremental_operation=how)
    asked = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.incremental_alter_configs([asked])[asked].result(30)


def updates(apis: dict[str, str]) -> int:
    """How often a purchase was updated."""
    return sum(write["kind"] == "update" for write in writes(apis))


def test_rejected_transactions_make_a_processor_unready_until_they_are_accepted(kafka: str, tmp_path: Path) -> None:
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path, updates=True) as scenario:
        programs = scenario.programs
        works = programs.serve("processor")

        def commits() -> str:
            return programs.checks(works).get("commits", "")

        wait_until(lambda: commits() == "ok", LONG, "it is ready", works)
        bound(kafka, scenario.topics.deliveries, 1)
        scenario.publish(scenario.place(0))
        wait_until(lambda: "Kafka rejected the last" in commits(), LONG, "it says so", works)
        assert purchases(apis).total() == 0  # without its intent nothing is created
        bound(kafka, scenario.topics.deliveries, None)
        wait_until(lambda: purchases(apis).total() == 1, LONG, "the order arrives", works)
        wait_until(lambda: commits() == "ok", LONG, "it is ready again", works)

        wait_until(lambda: not scenario.problems(), LONG, "it is recorded", works)
        scenario.publish(scenario.place(0, log_types=(2,), order_source_info="changed", delivery_price=17.5))
        wait_until(lambda: updates(apis) == 1, LONG, "an ordinary update", works)
        # recorded, too: a purchase that is adopted later would not be updated
        wait_until(lambda: not scenario.problems(), LONG, "it is recorded", works)
        bound(kafka, scenario.topics.deliveries, 1)
        scenario.publish(scenario.place(0, log_types=(2,), delivery_price=18.5))
        scenario.publish(scenario.place(1))
        wait_until(lambda: "Kafka rejected the last" in commits(), LONG, "it says so again", works)
        bound(kafka, scenario.topics.deliveries, None)
        wait_until(lambda: purchases(apis).total() == 2, LONG, "what waited arrives", works)
        wait_until(lambda: not scenario.problems(), LONG, "all is recorded", works)
        assert updates(apis) <= 3  # one whose recording was refused, and one more: not one per membership
        works.kill()
        programs.catch_up("processor")
        assert scenario.problems() == []


def test_rejected_transactions_make_a_producer_unready_until_they_are_accepted(kafka: str, tmp_path: Path) -> None:
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path) as scenario:
        programs = scenario.programs
        works = programs.serve("producer", SWEEP_INTERVAL_SECONDS="0")
        wait_until(lambda: programs.ready(works), LONG, "it is ready", works)
        bound(kafka, scenario.topics.journal, MARKER_BYTES)
        expected = [scenario.place(index)[0][0] for index in range(3)]

        def commits() -> str:
            return programs.checks(works).get("commits", "")

        wait_until(lambda: "Kafka rejected the last" in commits(), LONG, "it says so", works)
        assert not programs.ready(works)
        assert published(kafka, scenario.prefix) == Counter()
        bound(kafka, scenario.topics.journal, None)
        wait_until(lambda: programs.ready(works), LONG, "it is ready again", works)
        assert published(kafka, scenario.prefix) == Counter(expected)
