"""`retract` deletes our purchases, and they stay deleted until a backfill or replay asks for them: once."""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Producer

from clients import PurchaseEvent
from operations.ledger_reads import RowAt
from operations.output import Refused
from operations.retract import Retraction, _OnlyMember, plan_retract
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.partitioner import partition_of
from schemas.progress import Progress
from schemas.records import JournalEntry, Origin
from schemas.topics import Topics, order_key
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.programs import Programs
from tests.harness.stand_ins import ask_sandbox, purchases, switch
from tests.harness.topics import committed_offsets
from tests.harness.waiting import wait_until
from tests.operations.shop import another_program, deployment, empty_topics, journal, kinds
from tests.processor.entries import row

PARTITIONS = 6


def test_a_retracted_purchase_is_gone_the_sweep_leaves_it_so_and_a_backfill_sends_it_again(
    kafka: str, tmp_path: Path
) -> None:
    with deployment(kafka, "--orders", "15", SETTLE_SECONDS="1") as shop:
        catch_up(shop)
        before, offsets = purchases(shop), committed_offsets(kafka, shop["TOPIC_PREFIX"])
        order = next(iter(before))
        previewed = bl2sm(shop, "retract", "--order", order, "--json").data
        assert previewed["executed"] is False
        assert [str(one["order_id"]) for one in previewed["purchases"]] == [order]
        assert purchases(shop) == before
        with Programs(shop, tmp_path) as programs:
            live = programs.start("processor")
            wait_until(lambda: bl2sm(shop, "status", "--json").data["processors"], 60, "a member")
            refused = bl2sm(shop, "retract", "--order", order, "--execute")
            assert refused.code == 1
            assert "stop them" in refused.err
            assert purchases(shop) == before
            live.terminate()
            assert live.wait(60) == 0
        done = bl2sm(shop, "retract", "--order", order, "--execute", "--json")
        assert done.code == 0, done.err
        assert done.data["result"] == {"deleted": 1, "gone": 0, "rows": 1}
        assert purchases(shop) == before - Counter({order: 1})
        row = bl2sm(shop, "explain", order, "--offline", "--json").data["row"]
        assert (row["outcome"], row["event_id"], row["purchase_due"]) == ("retracted", None, False)
        assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == offsets
        assert bl2sm(shop, "retract", "--order", order).code == 1
        contacts = len(kinds(shop, "contact"))
        edited = {"order_id": int(order), "date_confirmed": int(time.time()), "delivery_fullname": "Ewa Nowa"}
        ask_sandbox(shop["BASELINKER_API_URL"], "orders", {"order": edited, "log_types": [2, 16]})
        catch_up(shop, "producer", SWEEP_INTERVAL_SECONDS="1")
        catch_up(shop, "processor")
        origins = [entry.origin for entry in journal(shop) if entry.order_id == int(order)]
        assert origins[-3:] == [Origin.JOURNAL, Origin.JOURNAL, Origin.BACKFILL]
        assert order not in purchases(shop)
        assert len(kinds(shop, "contact")) == contacts + 1
        explained = bl2sm(shop, "explain", order, "--json").data
        row = explained["row"]
        assert (row["outcome"], row["event_id"], row["purchase_due"]) == ("retracted", None, False)
        assert "was retracted" in explained["now"]["would"]
        bl2sm(shop, "backfill", "--since", "30d", "--execute")
        catch_up(shop, "processor")
        assert wrong(shop) == []
        assert purchases(shop) == before
        assert kinds(shop, "update") == []
        assert fetch_state(shop["SALESMANAGO_API_URL"])["violations"] == []


def test_what_was_deleted_is_counted_whatever_a_deletion_returns_and_what_was_not_found_is_not(kafka: str) -> None:
    with deployment(kafka, "--orders", "15", SETTLE_SECONDS="0", SWEEP_INTERVAL_SECONDS="0") as shop:
        catch_up(shop)
        sales = another_program(shop)
        events = fetch_state(shop["SALESMANAGO_API_URL"])["events"]
        for event, result in zip(events[:3], (True, "deleted", None), strict=True):
            switch(shop["SALESMANAGO_API_URL"], delete_result=result)
            order = str(event["externalId"])
            second = PurchaseEvent(order, datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
            double = sales.add_event(event["contactId"], second)
            extra = bl2sm(shop, "retract", "--order", order, "--extra", "--execute")
            assert (extra.code, purchases(shop)[order]) == (0, 1), extra.err
            assert double in extra.out and "deleted: 1\n" in extra.out
            done = bl2sm(shop, "retract", "--order", order, "--execute")
            assert (done.code, purchases(shop)[order]) == (0, 0), done.err
            assert "deleted: 1; start the processors" in done.out
        for event, gone, said in zip(
            events[3:5], ("refuse", "accept"), ("deleted: 0, not found: 1;", "deleted: 1;"), strict=True
        ):
            switch(shop["SALESMANAGO_API_URL"], delete_gone=gone)
            sales.delete_event(event["eventId"])
            done = bl2sm(shop, "retract", "--order", str(event["externalId"]), "--execute")
            assert done.code == 0 and said in done.out, done.err


@pytest.mark.slow
def test_a_processor_that_starts_during_a_retract_ends_it_and_running_it_again_fixes_all(
    kafka: str, tmp_path: Path
) -> None:
    with deployment(
        kafka, "--orders", "30", "--latency", "0.2", SETTLE_SECONDS="1", SWEEP_INTERVAL_SECONDS="0"
    ) as shop:
        catch_up(shop)
        before = purchases(shop)
        command = [sys.executable, "-m", "operations.cli", "retract", "--since", "1d", "--execute"]
        slow = {**shop, "SETTLE_SECONDS": "120"}  # it does not end by itself before the processor is there
        with Programs(shop, tmp_path) as programs:
            with subprocess.Popen(command, env=slow, stderr=subprocess.PIPE, text=True) as retracting:
                wait_until(lambda: purchases(shop) != before, 90, "the first deletion")
                live = programs.start("processor")
                assert retracting.stderr is not None
                said = retracting.stderr.read()
                assert retracting.wait(120) == 1, said
            assert "a processor started meanwhile" in said
            live.terminate()
            assert live.wait(60) == 0
        wait_until(lambda: not bl2sm(shop, "status", "--json").data["processors"], 90, "no member")
        done = bl2sm(shop, "retract", "--since", "1d", "--execute", "--json")
        assert done.code == 0, done.err
        assert done.data["result"]["rows"] == len(before)
        assert purchases(shop) == Counter()
        bl2sm(shop, "backfill", "--since", "30d", "--execute")
        catch_up(shop, "processor")
        assert wrong(shop) == []
        assert purchases(shop) == before


@pytest.mark.slow
def test_a_new_group_brings_back_nothing_and_updates_nothing(kafka: str) -> None:
    with deployment(kafka, "--orders", "15", SETTLE_SECONDS="1", SWEEP_INTERVAL_SECONDS="0") as shop:
        catch_up(shop)
        replayed, only_replayed, backfilled, *_ = purchases(shop)
        bl2sm(shop, "replay", "--order", replayed, "--order", only_replayed, "--execute")
        bl2sm(shop, "backfill", "--since", "30d", "--execute")
        catch_up(shop, "processor")
        assert len(kinds(shop, "update")) == 2
        taken = ["--order", replayed, "--order", backfilled]
        assert bl2sm(shop, "retract", *taken, "--execute").code == 0
        left = purchases(shop)
        assert left[replayed] == left[backfilled] == 0

        shop = {**shop, "GROUP_ID": f"{shop['TOPIC_PREFIX']}-processor-2"}
        catch_up(shop, "processor")
        assert purchases(shop) == left
        assert len(kinds(shop, "update")) == 2

        previewed = bl2sm(shop, "backfill", "--since", "30d", "--json").data
        assert previewed["retracted"] == 2
        replay = bl2sm(shop, "replay", "--from-offset", "0", "--json").data
        assert replay["retracted"] == 2
        bl2sm(shop, "backfill", "--since", "30d", "--leave-retracted", "--execute")
        catch_up(shop, "processor")
        assert purchases(shop) == left
        bl2sm(shop, "backfill", "--since", "30d", "--execute")
        catch_up(shop, "processor")
        back = purchases(shop)
        assert back[replayed] == back[backfilled] == 1


@pytest.mark.slow
def test_a_replay_that_was_done_ahead_of_a_waiting_entry_is_not_done_again(kafka: str, tmp_path: Path) -> None:
    with deployment(kafka, "--orders", "15", SETTLE_SECONDS="1", SWEEP_INTERVAL_SECONDS="0") as shop:
        catch_up(shop)
        order, prefix = next(iter(purchases(shop))), shop["TOPIC_PREFIX"]
        partition = _partition(int(order))
        unknown = next(n for n in range(990_000_000, 991_000_000) if _partition(n) == partition)
        entry = JournalEntry(999_999, 16, unknown, None, datetime.now(UTC).replace(microsecond=0), Origin.JOURNAL)
        value = make_codec(Topics(prefix), None).encode(entry)
        producer = Producer({"bootstrap.servers": kafka})
        producer.produce(Topics(prefix).journal, partition=partition, key=order_key(unknown), value=value)
        assert producer.flush(30) == 0  # BaseLinker does not show it (yet): it is asked for again for 30 s
        assert bl2sm(shop, "replay", "--order", order, "--execute").code == 0

        def row() -> dict[str, object]:
            found: dict[str, object] = bl2sm(shop, "explain", order, "--offline", "--json").data["row"]
            return found

        before = row()["journal_offset"]
        with Programs(shop, tmp_path) as programs:
            works = programs.start("processor")
            wait_until(lambda: row()["journal_offset"] != before, 60, "the replay is recorded")
            works.terminate()
            assert works.wait(60) == 0
        assert committed_offsets(kafka, prefix)[partition] <= int(str(row()["journal_offset"]))  # it comes again
        assert bl2sm(shop, "retract", "--order", order, "--execute").code == 0
        assert purchases(shop)[order] == 0
        like = fetch_state(shop["BASELINKER_API_URL"])["orders"][0]
        ask_sandbox(shop["BASELINKER_API_URL"], "orders", {"order": {**like, "order_id": unknown}})  # it waits no more
        catch_up(shop, "processor")
        assert purchases(shop)[order] == 0
        assert row()["outcome"] == "retracted"


def _partition(order_id: int) -> int:
    return partition_of(order_key(order_id), PARTITIONS)


class Counted(int):
    """An id that counts how often it is compared."""

    compared = 0
    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return int.__eq__(self, other)


def test_the_work_of_choosing_grows_with_rows_and_ids_and_not_with_their_product() -> None:
    rows = {order_id: RowAt(order_id, 0, row()) for order_id in range(2000)}
    Counted.compared = 0
    found = plan_retract(rows, [Counted(order_id) for order_id in range(1000, 3000)], None, None)
    assert [one.order_id for one in found] == list(range(1000, 2000))
    assert Counted.compared < 10_000


def test_rows_that_kafka_rejects_hide_nothing_behind_them(kafka: str) -> None:
    order = Retraction(7, 0, "e1", datetime.now(UTC), "created")
    with empty_topics(kafka) as reads, _OnlyMember(reads) as member:
        positions = {one.partition: replace(one, committed=0, progress=Progress("id")) for one in reads.positions()}
        too_long = replace(positions[0], progress=Progress("x" * 5000))  # the broker takes 4096 bytes of metadata
        with pytest.raises(Refused, match="Kafka did not take the rows"):
            member.write([(order, row())], {**positions, 0: too_long})
        reads.wait_for_hidden(reads.topics.deliveries, 5.0)  # by itself the broker ends it after ten
        assert reads.rows() == {}
        member.write([(order, row())], positions)
        reads.wait_for_hidden(reads.topics.deliveries, 5.0)
        assert set(reads.rows()) == {7}
