"""The producer as a process of its own on a real Kafka: what is in the journal topic afterwards."""

import io
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sandbox.remote import fetch_state
from schemas.codec import SINGLE_OBJECT_MAGIC, single_object_fingerprint
from schemas.progress import Gap, Progress
from schemas.records import CURSOR_KEY
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import purchases, requests, sandbox, switch
from tests.harness.topics import make_sweep_due, published, swept
from tests.harness.waiting import LONG, wait_until


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


def confirmed(ago: timedelta = timedelta()) -> dict[str, Any]:
    """An order's fields: placed and confirmed so long ago."""
    at = int(time.time() - ago.total_seconds())
    return {"date_add": at, "date_confirmed": at}


@pytest.mark.parametrize("how", [pytest.param("killed", marks=pytest.mark.slow), "put to sleep"])
def test_when_the_leader_is_gone_under_load_another_takes_over_and_each_id_is_published_once(
    scenario: Scenario, how: str
) -> None:
    programs = scenario.programs
    expected: list[int] = []

    def orders(count: int) -> None:
        for _ in range(count):
            expected.extend(log_id for log_id, *_ in scenario.place(len(scenario.orders) % 10, [1, 16]))

    first = programs.start("producer")
    wait_until(lambda: "this producer leads now" in programs.log(first), LONG, "the first leads", first)
    second = programs.start("producer")
    orders(10)
    wait_until(lambda: '"published"' in programs.log(first), LONG, "the first publishes", first)
    first.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    orders(20)
    wait_until(lambda: '"published"' in programs.log(second), LONG, "the second publishes", second)
    first.send_signal(signal.SIGCONT)
    orders(10)
    wait_until(lambda: set(named(scenario)) >= set(expected), LONG, "all are published", second)
    if how != "killed":
        wait_until(lambda: "gave up the lead" in programs.log(first), LONG, "the sleeper sees it", first, second)
        orders(1)  # whatever the sleeper would still have published is there before these
        wait_until(lambda: set(named(scenario)) >= set(expected), LONG, "the last are published", first, second)
    assert named(scenario) == Counter(expected)


def test_a_log_id_that_shows_up_late_below_others_is_published_once(scenario: Scenario) -> None:
    ids = [scenario.place(index)[0][0] for index in range(5)]
    switch(scenario.apis["BASELINKER_API_URL"], hidden_log_ids=[ids[1], ids[3]])
    scenario.programs.catch_up("producer")
    assert set(named(scenario)) == {ids[0], ids[2], ids[4]}
    switch(scenario.apis["BASELINKER_API_URL"], hidden_log_ids=[])
    for _ in range(2):
        scenario.programs.catch_up("producer")
    assert named(scenario) == Counter(ids)


def test_a_sweep_brings_what_the_journal_never_named_and_delivered_orders_cost_nothing_but_itself(
    scenario: Scenario,
) -> None:
    programs = scenario.programs
    programs.catch_up("producer")
    scenario.place(0, [1], **confirmed())
    scenario.place(1, [], **confirmed())
    make_sweep_due(scenario.kafka, scenario.prefix)
    programs.catch_up("producer")
    assert found(scenario) == Counter(scenario.orders)
    programs.catch_up("processor")
    assert purchases(scenario.apis) == Counter(map(str, scenario.orders))
    before = requests(scenario.apis)
    make_sweep_due(scenario.kafka, scenario.prefix)
    programs.catch_up("producer")
    assert sum(found(scenario).values()) == 4
    programs.catch_up("processor")
    assert purchases(scenario.apis) == Counter(map(str, scenario.orders))
    assert (requests(scenario.apis) - before)["getOrders"] == 1
    assert (requests(scenario.apis) - before)["getOrdersByPhone"] == 0


def test_a_journal_that_is_switched_off_at_a_first_run_is_reported_and_the_orders_come_by_date(
    scenario: Scenario,
) -> None:
    switch(scenario.apis["BASELINKER_API_URL"], journal=False)
    scenario.place(0, [1], **confirmed(timedelta(days=1)))
    scenario.place(1, [1], **confirmed(timedelta(days=4)))
    first = scenario.programs.catch_up("producer")
    assert "is it switched on?" in scenario.programs.log(first)
    assert found(scenario) == Counter(scenario.orders[:1])


def test_a_journal_that_is_switched_off_in_mid_run_is_reported_by_log_readiness_and_metric(scenario: Scenario) -> None:
    programs = scenario.programs
    scenario.place(0)
    process = programs.serve("producer", SWEEP_INTERVAL_SECONDS="2")

    def metric(name: str) -> list[float]:
        lines = programs.page(process, "/metrics")[1].splitlines()
        return [float(line.split()[1]) for line in lines if line.startswith(name)]

    wait_until(lambda: '"published"' in programs.log(process), LONG, "the first entry", process)
    wait_until(lambda: programs.ready(process), LONG, "ready", process)
    assert 0 <= metric("bl2sm_journal_lag_")[0] < 60
    wait_until(lambda: '"swept"' in programs.log(process), LONG, "the first sweep", process)
    time.sleep(3)  # as long as an entry may show up after its order
    scenario.place(1, [], **confirmed(timedelta(seconds=-1)))
    wait_until(lambda: metric("bl2sm_journal_silent ") == [1.0], LONG, "the alarm", process)
    status, text = programs.page(process)
    assert status == 503 and "switched on" in text
    scenario.place(2)
    wait_until(lambda: metric("bl2sm_journal_silent ") == [0.0], LONG, "its end", process)
    assert programs.ready(process)


def test_a_journal_unread_for_five_days_is_closed_by_date_starting_from_a_row_of_the_first_schema(
    scenario: Scenario,
) -> None:
    schema = json.loads((resources.files("schemas") / "history" / "cursor-1.avsc").read_text())
    now = datetime.now(UTC)
    row = {"settled_log_id": 5, "recent_log_ids": [], "journal_partitions": 2}
    body = io.BytesIO(SINGLE_OBJECT_MAGIC + single_object_fingerprint(schema))
    body.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(body, schema, row | {"swept_to": None, "read_at": now - timedelta(days=5)})
    writer = Producer({"bootstrap.servers": scenario.kafka})
    writer.produce(scenario.topics.cursor, key=CURSOR_KEY, value=body.getvalue())
    assert writer.flush(30) == 0
    scenario.place(0, [], **confirmed(timedelta(days=4)))
    scenario.place(1, [], **confirmed(timedelta(days=6)))
    log_id = scenario.place(2, [1])[0][0]
    first = scenario.programs.catch_up("producer")
    assert "journal gap" in scenario.programs.log(first)
    assert set(found(scenario)) == {scenario.orders[0], scenario.orders[2]}
    scenario.programs.catch_up("producer")
    assert sum(found(scenario).values()) == 2
    assert named(scenario) == Counter([log_id])


def test_a_gap_that_a_processor_reports_is_closed_once(scenario: Scenario) -> None:
    programs = scenario.programs
    programs.environment["SWEEP_INTERVAL_SECONDS"] = "0"
    scenario.place(0, [1], **confirmed(timedelta(minutes=10)))
    first = programs.catch_up("producer")
    assert "can't be read" not in programs.log(first)  # a group that never was is no trouble
    scenario.place(1, [], **confirmed(timedelta(hours=3)))
    reporter = Consumer({"bootstrap.servers": scenario.kafka, "group.id": f"{scenario.prefix}-processor"})
    metadata = Progress("", gap=Gap("partition 1, once", int(time.time()) - 1800)).encode()
    reporter.commit(offsets=[TopicPartition(scenario.topics.journal, 1, 0, metadata)], asynchronous=False)
    reporter.close()
    second, third = programs.catch_up("producer"), programs.catch_up("producer")
    assert found(scenario) == Counter(scenario.orders[:1])
    assert "journal gap" in programs.log(second) and "journal gap" not in programs.log(third)


@pytest.mark.parametrize("kind", ["429", pytest.param("html502", marks=pytest.mark.slow)])
def test_a_storm_in_mid_run_is_waited_out_and_the_lead_is_kept(scenario: Scenario, kind: str) -> None:
    programs = scenario.programs
    scenario.place(0)
    process = programs.start("producer")
    wait_until(lambda: '"published"' in programs.log(process), LONG, "the first entry", process)
    switch(scenario.apis["BASELINKER_API_URL"], faults=[{"kind": kind, "count": 3}])
    for index in range(1, 5):
        scenario.place(index)
    wait_until(lambda: len(named(scenario)) == 5, LONG, "all", process)
    assert sum(fetch_state(scenario.apis["BASELINKER_API_URL"])["faults"].values()) == 3
    assert set(named(scenario).values()) == {1}
    assert programs.log(process).count("this producer leads now") == 1
