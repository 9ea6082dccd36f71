"""Topics that change or vanish while the programs run: none lost, none doubled."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from sandbox.remote import fetch_state
from schemas.topics import Topics
from tests.harness.judge import left_undone, wrong
from tests.harness.programs import QUICK, Programs, settings
from tests.harness.stand_ins import ask_sandbox, purchases, sandbox
from tests.harness.waiting import LONG, wait_until, wait_until_none

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@contextmanager
def under_load(kafka: str, prefix: str, folder: Path) -> Iterator[tuple[dict[str, str], Programs]]:
    """A producer and two processors in the middle of 60 orders."""
    with (
        sandbox("--orders", "60", "--latency", "0.1") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK | {"SWEEP_INTERVAL_SECONDS": "0"}, folder) as programs,
    ):
        for module in ("producer", "processor", "processor"):
            programs.start(module)
        wait_until(lambda: purchases(apis).total() >= 8, LONG, "the first purchases")
        yield apis, programs


def delete(kafka: str, topic: str) -> None:
    """Delete a topic that is in use."""
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([topic])[topic].result()


def ends_well(apis: dict[str, str], programs: Programs) -> None:
    """Everything arrives without anybody's help, and nothing is running then."""
    wait_until_none(lambda: wrong(apis), LONG, "all has arrived")
    for _, process in programs.started:
        process.terminate()
    assert {process.wait(LONG) for _, process in programs.started} == {0}
    programs.finish()
    assert wrong(apis) == []


def test_a_journal_topic_deleted_in_mid_run_comes_again_and_doubles_nothing(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with under_load(kafka, prefix, tmp_path) as (apis, programs):
        delete(kafka, Topics(prefix).journal)
        ends_well(apis, programs)
        assert left_undone(kafka, prefix, fetch_state(apis["SALESMANAGO_API_URL"])) == []


def test_a_ledger_topic_deleted_in_mid_run_costs_looks_and_doubles_nothing(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with under_load(kafka, prefix, tmp_path) as (apis, programs):
        delete(kafka, Topics(prefix).deliveries)
        ends_well(apis, programs)
        # what was delivered before is known to SALESmanago alone now: named again, it is found there
        orders = fetch_state(apis["BASELINKER_API_URL"])["orders"]
        again = [{"order": {"order_id": order["order_id"]}, "log_types": [2]} for order in orders if order["confirmed"]]
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", again)
        programs.finish()
        assert wrong(apis) == []


def test_partitions_added_in_mid_run_stop_every_program_with_a_sentence(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with under_load(kafka, prefix, tmp_path) as (apis, programs):
        journal = Topics(prefix).journal
        admin = AdminClient({"bootstrap.servers": kafka})
        had = len(admin.list_topics(journal, timeout=30).topics[journal].partitions)
        admin.create_partitions([NewPartitions(journal, had + 2)])[journal].result()
        assert [process.wait(LONG) for _, process in programs.started] == [1, 1, 1]
        for _, process in programs.started:
            assert f"has {had + 2} partitions and had {had}" in programs.log(process)
        assert set(purchases(apis).values()) == {1}
        restarted = programs.start("processor", "--until-caught-up")
        assert restarted.wait(LONG) == 1  # not before somebody has decided what to do
