"""`retract` deletes our purchases, the ledger knows, and a backfill sends them anew: once."""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.output import Refused
from operations.retract import Retraction, _OnlyMember, plan_retract
from runtime.settings import load_settings
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import JournalEntry
from schemas.topics import Topics
from tests.harness.commands import bl2sm
from tests.harness.judge import wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import ask_sandbox, sandbox
from tests.harness.topics import committed_offsets, make_topics, read_whole
from tests.harness.waiting import wait_until
from tests.operations.test_mending import kinds, purchases
from tests.processor.test_jobs import row


def entries_of(kafka: str, prefix: str, order_id: int) -> list[JournalEntry]:
    """An order's journal entries, oldest first."""
    codec, found = make_codec(Topics(prefix), None), []
    for message in read_whole(kafka, Topics(prefix).journal):
        value = message.value()
        assert isinstance(value, bytes)
        found.append(codec.decode(value, JournalEntry))
    return [entry for entry in found if entry.order_id == order_id]


def test_a_retracted_purchase_is_gone_the_sweep_leaves_it_so_and_a_backfill_sends_it_anew(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix) | {"SETTLE_SECONDS": "1"}
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            before, offsets = purchases(apis), committed_offsets(kafka, prefix)
            order = next(iter(before))
            told = bl2sm(environment, "retract", "--order", order, "--json")
            assert told.data["executed"] is False
            assert [str(one["order_id"]) for one in told.data["purchases"]] == [order]
            assert purchases(apis) == before
            live = programs.start("processor")
            wait_until(lambda: bl2sm(environment, "status", "--json").data["processors"], 60, "a member")
            refused = bl2sm(environment, "retract", "--order", order, "--execute")
            assert refused.code == 1
            assert "stop them" in refused.err
            assert purchases(apis) == before
            live.terminate()
            assert live.wait(60) == 0
            done = bl2sm(environment, "retract", "--order", order, "--execute", "--json")
            assert done.code == 0, done.err
            assert done.data["result"] == {"deleted": 1, "gone": 0, "rows": 1}
            assert purchases(apis) == before - Counter({order: 1})
            row = bl2sm(environment, "explain", order, "--offline", "--json").data["row"]
            assert (row["outcome"], row["event_id"], row["purchase_due"]) == ("retracted", None, False)
            assert committed_offsets(kafka, prefix) == offsets
            assert bl2sm(environment, "retract", "--order", order).code == 1
            contacts = len(kinds(apis, "contact"))
            now = int(time.time())
            edited = {"order_id": int(order), "date_confirmed": now, "delivery_fullname": "Ewa Nowa"}
            ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": edited, "log_types": [2, 16]})
            producer = programs.start("producer", "--until-caught-up", SWEEP_INTERVAL_SECONDS="1")
            assert producer.wait(60) == 0, programs.log(producer)
            programs.finish()
            assert [entry.origin for entry in entries_of(kafka, prefix, int(order))][-3:] == ["JOURNAL"] * 2 + [
                "BACKFILL"
            ]
            assert order not in purchases(apis)
            assert len(kinds(apis, "contact")) == contacts + 1
            row = bl2sm(environment, "explain", order, "--json").data
            assert (row["row"]["outcome"], row["row"]["event_id"], row["row"]["purchase_due"]) == (
                "retracted",
                None,
                False,
            )
            assert "was retracted" in row["now"]["would"]
            bl2sm(environment, "backfill", "--since", "30d", "--execute")
            programs.finish()
        assert wrong(apis) == []
        assert purchases(apis) == before
        assert kinds(apis, "update") == []
        assert len(fetch_state(apis["SALESMANAGO_API_URL"])["violations"]) == 0


def test_a_processor_that_starts_in_mid_retract_ends_it_and_doing_it_again_mends_all(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "30", "--latency", "0.2") as apis:
        environment = settings(apis, kafka, prefix) | {"SETTLE_SECONDS": "10", "SWEEP_INTERVAL_SECONDS": "0"}
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            before = purchases(apis)
            command = [sys.executable, "-m", "operations.cli", "retract", "--since", "1d", "--execute"]
            with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as retracting:
                wait_until(lambda: purchases(apis) != before, 90, "the first deletion")
                live = programs.start("processor")
                assert retracting.stderr is not None
                said = retracting.stderr.read()
                assert retracting.wait(120) == 1, said
            assert "a processor started meanwhile" in said
            live.terminate()
            assert live.wait(60) == 0
            wait_until(lambda: not bl2sm(environment, "status", "--json").data["processors"], 90, "no member")
            done = bl2sm(environment, "retract", "--since", "1d", "--execute", "--json", SETTLE_SECONDS="1")
            assert done.code == 0, done.err
            assert done.data["result"]["rows"] == len(before)
            assert purchases(apis) == Counter()
            bl2sm(environment, "backfill", "--since", "30d", "--execute")
            programs.finish()
        assert wrong(apis) == []
        assert purchases(apis) == before


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


def test_rows_that_kafka_rejects_hide_nothing_behind_them(kafka: str, prefix: str) -> None:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, "kafka")
    make_topics(settings)
    order = Retraction(7, 0, "e1", datetime.now(UTC), "created")
    with KafkaReads(settings) as reads, _OnlyMember(reads) as member:
        positions = {one.partition: replace(one, committed=0, progress=Progress("id")) for one in reads.positions()}
        too_long = replace(positions[0], progress=Progress("x" * 5000))  # the broker takes 4096 bytes of metadata
        with pytest.raises(Refused, match="Kafka did not take the rows"):
            member.write([(order, row())], {**positions, 0: too_long})
        reads.wait_for_hidden(reads.topics.deliveries, 5.0)  # by itself the broker ends it after ten
        assert reads.rows() == {}
        member.write([(order, row())], positions)
        reads.wait_for_hidden(reads.topics.deliveries, 5.0)
        assert set(reads.rows()) == {7}
