"""The producer as a process of its own on a real Kafka: what lies in the journal topic afterwards."""

import io
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.codec import SINGLE_OBJECT_MAGIC, single_object_fingerprint
from schemas.progress import Gap, Progress
from tests.e2e.producing import confirmed_at, end, named, page, purchases, requests, swept, told, wait_until
from tests.faults.scenario import Scenario, stand_ins, switch
from tests.harness.ports import quiet_port


@pytest.fixture
def scenario(kafka: str, tmp_path: Path) -> Iterator[Scenario]:
    with stand_ins() as apis:
        yield Scenario(apis, kafka, tmp_path)


@pytest.mark.parametrize("how", ["killed", "put to sleep"])
def test_when_the_leader_is_gone_under_load_another_goes_on_and_each_id_is_published_once(
    scenario: Scenario, how: str
) -> None:
    expected: list[int] = []

    def orders(count: int) -> None:
        for _ in range(count):
            expected.extend(log_id for log_id, *_ in scenario.place(len(scenario.orders) % 10, [1, 16]))
            time.sleep(0.05)

    first = scenario.start("first", "producer")
    second = None
    try:
        wait_until(told(scenario, "first", "this producer leads now"), "the first leads", first)
        second = scenario.start("second", "producer")
        orders(10)
        wait_until(told(scenario, "first", '"published"'), "the first publishes", first)
        first.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        orders(20)
        wait_until(told(scenario, "second", '"published"'), "the second publishes", second)
        first.send_signal(signal.SIGCONT)
        orders(10)
        wait_until(lambda: set(named(scenario)) >= set(expected), "all are published", second)
        if how != "killed":
            wait_until(told(scenario, "first", "gave up the lead"), "the sleeper sees it", first, second)
        time.sleep(2)
    finally:
        end(*(process for process in (first, second) if process is not None))
    assert named(scenario) == Counter(expected)


def test_a_log_id_that_shows_up_late_below_others_is_published_once(scenario: Scenario) -> None:
    ids = [scenario.place(index)[0][0] for index in range(5)]
    switch(scenario.apis["BASELINKER_API_URL"], hidden_log_ids=[ids[1], ids[3]])
    assert scenario.finish("early", "producer") == []
    assert set(named(scenario)) == {ids[0], ids[2], ids[4]}
    switch(scenario.apis["BASELINKER_API_URL"], hidden_log_ids=[])
    for name in ("late", "again"):
        assert scenario.finish(name, "producer") == []
    assert named(scenario) == Counter(ids)


def test_a_sweep_brings_what_the_journal_never_named_and_delivered_orders_cost_nothing_but_itself(
    scenario: Scenario,
) -> None:
    scenario.over = {"SWEEP_INTERVAL_SECONDS": "2"}
    assert scenario.finish("first", "producer") == []
    scenario.place(0, [1], **confirmed_at(int(time.time())))
    scenario.place(1, [], **confirmed_at(int(time.time())))
    time.sleep(2.5)
    assert scenario.finish("sweeps", "producer") == []
    assert swept(scenario) == Counter(scenario.orders)
    assert scenario.finish("delivers") == []
    assert purchases(scenario) == Counter(map(str, scenario.orders))
    time.sleep(2.5)
    before = requests(scenario)
    assert scenario.finish("sweeps again", "producer") == []
    assert sum(swept(scenario).values()) == 4
    assert scenario.finish("passes over") == []
    assert purchases(scenario) == Counter(map(str, scenario.orders))
    assert (requests(scenario) - before)["getOrders"] == 1
    assert (requests(scenario) - before)["getOrdersByPhone"] == 0


def test_a_journal_that_is_switched_off_at_a_first_run_is_told_and_the_orders_come_by_date(scenario: Scenario) -> None:
    switch(scenario.apis["BASELINKER_API_URL"], journal=False)
    scenario.place(0, [1], **confirmed_at(int(time.time()), 24 * 3600))
    scenario.place(1, [1], **confirmed_at(int(time.time()), 96 * 3600))
    assert scenario.finish("first", "producer") == []
    assert told(scenario, "first", "is it switched on?")()
    assert swept(scenario) == Counter(scenario.orders[:1])


def test_a_journal_that_is_switched_off_in_mid_run_is_told_by_log_readiness_and_metric(scenario: Scenario) -> None:
    port = quiet_port()
    scenario.place(0)
    process = scenario.start("runs", "producer", SWEEP_INTERVAL_SECONDS="2", HTTP_PORT=str(port))
    try:
        wait_until(told(scenario, "runs", '"published"'), "the first entry", process)
        wait_until(lambda: page(port, "/readyz")[0] == 200, "ready", process)
        lag = next(line for line in page(port, "/metrics")[1].splitlines() if line.startswith("bl2sm_journal_lag_"))
        assert 0 <= float(lag.split()[1]) < 60
        wait_until(told(scenario, "runs", '"swept"'), "the first sweep", process)
        time.sleep(3)  # as long as an entry may show up after its order
        scenario.place(1, [], **confirmed_at(int(time.time()) + 1))
        wait_until(lambda: "bl2sm_journal_silent 1.0" in page(port, "/metrics")[1], "the alarm", process)
        status, text = page(port, "/readyz")
        assert status == 503 and "switched on" in text
        scenario.place(2)
        wait_until(lambda: "bl2sm_journal_silent 0.0" in page(port, "/metrics")[1], "its end", process)
        assert page(port, "/readyz")[0] == 200
    finally:
        end(process)


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
    writer.produce(scenario.topics.cursor, key=b"journal", value=body.getvalue())
    assert writer.flush(30) == 0
    seconds = int(now.timestamp())
    scenario.place(0, [], **confirmed_at(seconds, 4 * 24 * 3600))
    scenario.place(1, [], **confirmed_at(seconds, 6 * 24 * 3600))
    log_id = scenario.place(2, [1])[0][0]
    assert scenario.finish("first", "producer") == []
    assert told(scenario, "first", "journal gap")()
    assert set(swept(scenario)) == {scenario.orders[0], scenario.orders[2]}
    assert scenario.finish("second", "producer") == []
    assert sum(swept(scenario).values()) == 2
    assert named(scenario) == Counter([log_id])


def test_a_gap_that_a_processor_tells_is_closed_once(scenario: Scenario) -> None:
    scenario.over = {"SWEEP_INTERVAL_SECONDS": "0"}
    now = int(time.time())
    scenario.place(0, [1], **confirmed_at(now, 600))
    assert scenario.finish("first", "producer") == []
    assert not told(scenario, "first", "can't be read")()  # a group that never was is no trouble
    scenario.place(1, [], **confirmed_at(now, 3 * 3600))
    told_by = Consumer({"bootstrap.servers": scenario.kafka, "group.id": f"{scenario.prefix}-processor"})
    metadata = Progress("", gap=Gap("partition 1, once", now - 1800)).encode()
    told_by.commit(offsets=[TopicPartition(scenario.topics.journal, 1, 0, metadata)], asynchronous=False)
    told_by.close()
    for name in ("second", "third"):
        assert scenario.finish(name, "producer") == []
    assert swept(scenario) == Counter(scenario.orders[:1])
    assert told(scenario, "second", "journal gap")() and not told(scenario, "third", "journal gap")()


@pytest.mark.parametrize("kind", ["429", "html502"])
def test_a_storm_in_mid_run_is_waited_out_and_the_lead_is_kept(scenario: Scenario, kind: str) -> None:
    scenario.place(0)
    process = scenario.start("runs", "producer")
    try:
        wait_until(told(scenario, "runs", '"published"'), "the first entry", process)
        switch(scenario.apis["BASELINKER_API_URL"], faults=[{"kind": kind, "count": 3}])
        for index in range(1, 5):
            scenario.place(index)
            time.sleep(1)
        wait_until(lambda: len(named(scenario)) == 5, "all", process)
    finally:
        end(process)
    assert set(named(scenario).values()) == {1}
    assert scenario.tail("runs", 1000).count("this producer leads now") == 1
