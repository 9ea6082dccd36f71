"""Topics that change under a running producer."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from runtime.topic_identity import topic_id
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import sandbox
from tests.harness.topics import published, read_whole, swept
from tests.harness.waiting import LONG, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def scenario(kafka: str, tmp_path: Path) -> Iterator[Scenario]:
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path) as scenario:
        yield scenario


def named(scenario: Scenario) -> Counter[int]:
    """How often each log id is in the topic."""
    return published(scenario.kafka, scenario.prefix)


def found(scenario: Scenario) -> Counter[int]:
    """How often each order is in the topic because a sweep found it."""
    return swept(scenario.kafka, scenario.prefix)


def test_a_journal_topic_deleted_under_a_running_producer_gets_all_its_entries_again(scenario: Scenario) -> None:
    programs, admin = scenario.programs, AdminClient({"bootstrap.servers": scenario.kafka})
    ids = [scenario.place(index)[0][0] for index in range(3)]
    process = programs.start("producer", SWEEP_INTERVAL_SECONDS="0")
    wait_until(lambda: len(named(scenario)) == 3, LONG, "the entries", process)
    before = topic_id(admin, scenario.topics.journal)
    admin.delete_topics([scenario.topics.journal])[scenario.topics.journal].result()
    ids += [scenario.place(3)[0][0]]
    wait_until(lambda: "the journal topic was recreated" in programs.log(process), LONG, "it is noticed", process)
    wait_until(lambda: '"swept"' in programs.log(process), LONG, "the sweep", process)
    process.kill()
    process.wait()
    assert topic_id(admin, scenario.topics.journal) != before
    assert named(scenario) == Counter(ids)
    assert found(scenario) == Counter(scenario.orders)
    for _ in range(2):  # nothing is read or swept again
        programs.catch_up("producer")
    assert named(scenario) == Counter(ids)
    assert found(scenario) == Counter(scenario.orders)


def test_a_deleted_cursor_topic_is_reported_and_the_whole_journal_is_read_again(scenario: Scenario) -> None:
    programs = scenario.programs
    ids = [scenario.place(index)[0][0] for index in range(3)]
    programs.catch_up("producer")
    admin = AdminClient({"bootstrap.servers": scenario.kafka})
    admin.delete_topics([scenario.topics.cursor])[scenario.topics.cursor].result()
    programs.environment["START_FROM"] = "latest"
    second = programs.catch_up("producer")
    assert "the cursor is lost" in programs.log(second)
    assert named(scenario) == Counter(ids * 2)
    assert found(scenario) == Counter(scenario.orders)
    programs.catch_up("producer")
    assert named(scenario) == Counter(ids * 2)


def test_partitions_added_in_mid_run_stop_the_producer_before_it_puts_an_order_elsewhere(scenario: Scenario) -> None:
    programs, admin = scenario.programs, AdminClient({"bootstrap.servers": scenario.kafka})
    process = programs.start("producer")
    scenario.place(0)
    wait_until(lambda: '"published"' in programs.log(process), LONG, "the first entry", process)
    admin.create_partitions([NewPartitions(scenario.topics.journal, 5)])[scenario.topics.journal].result()
    for index in range(1, 10):
        scenario.place(index, date_add=1_700_000_000, date_confirmed=1_700_000_000)
    assert process.wait(LONG) == 1
    assert "has 5 partitions and had 2" in programs.log(process)
    assert {message.partition() for message in read_whole(scenario.kafka, scenario.topics.journal)} <= {0, 1}
