"""Topics that change under a running producer."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from schemas.topics import topic_id
from tests.e2e.producing import confirmed_at, end, named, swept, told, wait_until
from tests.faults.scenario import Scenario, read, stand_ins


@pytest.fixture
def scenario(kafka: str, tmp_path: Path) -> Iterator[Scenario]:
    with stand_ins() as apis:
        yield Scenario(apis, kafka, tmp_path)


def test_a_journal_topic_deleted_under_a_running_producer_gets_all_its_entries_again(scenario: Scenario) -> None:
    admin = AdminClient({"bootstrap.servers": scenario.kafka})
    ids = [scenario.place(index)[0][0] for index in range(3)]
    process = scenario.start("runs", "producer", SWEEP_INTERVAL_SECONDS="0")
    try:
        wait_until(lambda: len(named(scenario)) == 3, "the entries", process)
        before = topic_id(admin, scenario.topics.journal)
        admin.delete_topics([scenario.topics.journal])[scenario.topics.journal].result()
        ids += [scenario.place(3)[0][0]]
        wait_until(told(scenario, "runs", "the journal topic was made anew"), "it is noticed", process)
        wait_until(told(scenario, "runs", '"swept"'), "the sweep", process)
    finally:
        end(process)
    assert topic_id(admin, scenario.topics.journal) != before
    assert named(scenario) == Counter(ids)
    assert swept(scenario) == Counter(scenario.orders)
    for name in ("second", "third"):  # nothing is read or swept again
        assert scenario.finish(name, "producer") == []
    assert named(scenario) == Counter(ids)
    assert swept(scenario) == Counter(scenario.orders)


def test_a_deleted_cursor_topic_is_told_and_the_whole_journal_is_read_again(scenario: Scenario) -> None:
    ids = [scenario.place(index)[0][0] for index in range(3)]
    assert scenario.finish("first", "producer") == []
    admin = AdminClient({"bootstrap.servers": scenario.kafka})
    admin.delete_topics([scenario.topics.cursor])[scenario.topics.cursor].result()
    scenario.over = {"START_FROM": "latest"}
    assert scenario.finish("second", "producer") == []
    assert told(scenario, "second", "the cursor is lost")()
    assert named(scenario) == Counter(ids * 2)
    assert swept(scenario) == Counter(scenario.orders)
    assert scenario.finish("third", "producer") == []
    assert named(scenario) == Counter(ids * 2)


def test_partitions_added_in_mid_run_stop_the_producer_before_it_puts_an_order_elsewhere(scenario: Scenario) -> None:
    admin = AdminClient({"bootstrap.servers": scenario.kafka})
    process = scenario.start("runs", "producer")
    try:
        scenario.place(0)
        wait_until(told(scenario, "runs", '"published"'), "the first entry", process)
        admin.create_partitions([NewPartitions(scenario.topics.journal, 5)])[scenario.topics.journal].result()
        for index in range(1, 10):
            scenario.place(index, **confirmed_at(1_700_000_000))
        assert scenario.ended(process) == 1
    finally:
        end(process)
    assert told(scenario, "runs", "has 5 partitions and had 2")()
    placed = {part for part, *_ in read(scenario.kafka, scenario.topics.journal)}
    assert placed <= {0, 1}
