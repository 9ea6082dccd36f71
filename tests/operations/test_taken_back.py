"""What was taken back stays so when its old entries come again: to another group, or after a stop in mid-work."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.codec import make_codec
from schemas.partitioner import partition_of
from schemas.records import JournalEntry, Origin
from schemas.topics import Topics, order_key
from tests.harness.commands import bl2sm
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox
from tests.harness.topics import committed_offsets
from tests.harness.waiting import wait_until
from tests.operations.test_mending import kinds, purchases

PARTITIONS = 6

pytestmark = pytest.mark.timeout(900)


def test_a_new_group_brings_back_nothing_and_updates_nothing(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix) | {"SETTLE_SECONDS": "1", "SWEEP_INTERVAL_SECONDS": "0"}
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            replayed, only_replayed, backfilled, *_ = purchases(apis)
            bl2sm(environment, "replay", "--order", replayed, "--order", only_replayed, "--execute")
            bl2sm(environment, "backfill", "--since", "30d", "--execute")
            programs.finish()
            assert len(kinds(apis, "update")) == 2
            taken = ["--order", replayed, "--order", backfilled]
            assert bl2sm(environment, "retract", *taken, "--execute").code == 0
            left = purchases(apis)
            assert left[replayed] == left[backfilled] == 0

            programs.environment["GROUP_ID"] = f"{prefix}-processor-2"
            programs.finish()
            assert purchases(apis) == left
            assert len(kinds(apis, "update")) == 2

            previewed = bl2sm(programs.environment, "backfill", "--since", "30d", "--json").data
            assert previewed["retracted"] == 2
            replay = bl2sm(programs.environment, "replay", "--from-offset", "0", "--json").data
            assert replay["retracted"] == 2
            bl2sm(programs.environment, "backfill", "--since", "30d", "--leave-retracted", "--execute")
            programs.finish()
            assert purchases(apis) == left
            bl2sm(programs.environment, "backfill", "--since", "30d", "--execute")
            programs.finish()
            back = purchases(apis)
            assert back[replayed] == back[backfilled] == 1


def test_a_replay_that_was_done_ahead_of_a_waiting_entry_is_not_done_again(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix) | {"SETTLE_SECONDS": "1", "SWEEP_INTERVAL_SECONDS": "0"}
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            order = next(iter(purchases(apis)))
            partition = partition_of(order_key(int(order)), PARTITIONS)
            unknown = next(n for n in range(990_000_000, 991_000_000) if _partition(n) == partition)
            entry = JournalEntry(999_999, 16, unknown, None, datetime.now(UTC).replace(microsecond=0), Origin.JOURNAL)
            value = make_codec(Topics(prefix), None).encode(entry)
            producer = Producer({"bootstrap.servers": kafka})
            producer.produce(Topics(prefix).journal, partition=partition, key=order_key(unknown), value=value)
            assert producer.flush(30) == 0  # BaseLinker does not show it (yet): it is asked for again for 30 s
            assert bl2sm(environment, "replay", "--order", order, "--execute").code == 0

            def row() -> dict[str, object]:
                found: dict[str, object] = bl2sm(environment, "explain", order, "--offline", "--json").data["row"]
                return found

            before = row()["journal_offset"]
            works = programs.start("processor")
            wait_until(lambda: row()["journal_offset"] != before, 60, "the replay is recorded")
            works.terminate()
            assert works.wait(60) == 0
            assert committed_offsets(kafka, prefix)[partition] <= int(str(row()["journal_offset"]))  # it comes again
            assert bl2sm(environment, "retract", "--order", order, "--execute").code == 0
            assert purchases(apis)[order] == 0
            programs.finish()
            assert purchases(apis)[order] == 0
            assert row()["outcome"] == "retracted"


def _partition(order_id: int) -> int:
    return partition_of(order_key(order_id), PARTITIONS)
