"""Topics that change, vanish or move, while the programs run or between two runs: none lost, none doubled."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import Delivery
from schemas.topics import Topics
from tests.harness.judge import left_undone, wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import ask_sandbox, sandbox
from tests.harness.topics import read_whole
from tests.harness.waiting import wait_until, wait_until_none

QUICK = {
    "SETTLE_SECONDS": "3",
    "CREATE_TIMEOUT_SECONDS": "2",
    "SESSION_TIMEOUT_MS": "7000",
    "DELIVERY_THREADS": "4",
    "SWEEP_INTERVAL_SECONDS": "0",
}


@contextmanager
def under_load(kafka: str, prefix: str, folder: Path) -> Iterator[tuple[dict[str, str], Programs]]:
    """A producer and two processors in the middle of 60 orders."""
    with sandbox("--orders", "60", "--latency", "0.1") as apis:
        environment = settings(apis, kafka, prefix) | QUICK
        with Programs(environment, folder) as programs:
            for module in ("producer", "processor", "processor"):
                programs.start(module)
            wait_until(lambda: purchases(apis) >= 8, 100, "the first purchases")
            yield apis, programs


def purchases(apis: dict[str, str]) -> int:
    """How many there are."""
    return len(fetch_state(apis["SALESMANAGO_API_URL"])["events"])


def delete(kafka: str, topic: str) -> None:
    """Delete a topic that is in use."""
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([topic])[topic].result()


def ends_well(apis: dict[str, str], programs: Programs) -> None:
    """Everything arrives without anybody's help, and nothing is running then."""
    wait_until_none(lambda: wrong(apis), 150, "all has arrived")
    for _, process in programs.started:
        process.terminate()
    assert {process.wait(60) for _, process in programs.started} == {0}
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
        # what was delivered before is known to SALESmanago alone now: told again, it is found there
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
        assert [process.wait(60) for _, process in programs.started] == [1, 1, 1]
        for _, process in programs.started:
            assert f"has {had + 2} partitions and had {had}" in programs.log(process)
        events = Counter(event["externalId"] for event in fetch_state(apis["SALESMANAGO_API_URL"])["events"])
        assert set(events.values()) == {1}
        restarted = programs.start("processor", "--until-caught-up")
        assert restarted.wait(60) == 1  # not before somebody has decided what to do


def test_a_group_without_offsets_goes_through_all_again_and_sends_nothing(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "40") as apis, Programs(settings(apis, kafka, prefix) | QUICK, tmp_path) as programs:
        programs.finish()
        before = fetch_state(apis["SALESMANAGO_API_URL"])["writes"]
        admin = AdminClient({"bootstrap.servers": kafka})
        group = f"{prefix}-processor"
        wait_until(lambda: _gone(admin, group), 60, "the group is deleted")
        programs.finish()
        assert fetch_state(apis["SALESMANAGO_API_URL"])["writes"] == before
        assert wrong(apis) == []


def _gone(admin: AdminClient, group: str) -> bool:
    return admin.delete_consumer_groups([group], request_timeout=20)[group].exception() is None


def _adopted(kafka: str, prefix: str) -> int:
    codec = make_codec(Topics(prefix), None)
    values = [message.value() for message in read_whole(kafka, Topics(prefix).deliveries)]
    rows = [codec.decode(value, Delivery) for value in values if isinstance(value, bytes)]
    return sum(row.reason == "adopted" for row in rows)


def test_everything_moved_to_an_empty_cluster_adopts_what_is_there(kafka: str, prefix: str, tmp_path: Path) -> None:
    """Another prefix is what another cluster is: no journal, no cursor, no ledger, no offsets."""
    with sandbox("--orders", "40") as apis:
        (tmp_path / "old").mkdir()
        with Programs(settings(apis, kafka, prefix) | QUICK, tmp_path / "old") as programs:
            programs.finish()
        created = purchases(apis)
        (tmp_path / "new").mkdir()
        with Programs(settings(apis, kafka, f"{prefix}n") | QUICK, tmp_path / "new") as programs:
            programs.finish()
            assert _adopted(kafka, f"{prefix}n") == created
        assert purchases(apis) == created
        assert wrong(apis) == []
