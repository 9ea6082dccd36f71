"""A broker that can't load a group, for a batch of the groups' topic lies on its disk twice.

Kafka 4.1.1 was seen to write it so on a full disk. No restart repairs it: the programs wait and say so. As
docs/operations.md says, another GROUP_ID continues, and so does everything once that partition is removed.
"""

from pathlib import Path

import pytest

from tests.faults.broker import Broker, groups_partition, own_broker
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import purchases, sandbox
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def write_last_batch_twice(broker: Broker, number: int) -> None:
    """Append a copy of the partition's last batch, with its offsets."""
    log = max(broker.groups_partition(number).glob("*.log"))
    content, at, batch = log.read_bytes(), 0, b""
    while size := int.from_bytes(content[at + 8 : at + 12]):  # offset: 8 bytes, size of what follows: 4
        batch = content[at : at + 12 + size]
        at += len(batch)
    assert batch
    with log.open("r+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(batch)


def test_a_group_that_cannot_be_loaded_is_reported_and_both_ways_out_lose_and_double_nothing(tmp_path: Path) -> None:
    with (
        own_broker() as broker,
        sandbox("--orders", "0") as apis,
        Scenario(apis, broker.bootstrap, tmp_path) as scenario,
    ):
        programs = scenario.programs
        scenario.publish(scenario.place(0))
        programs.catch_up("processor")
        group = f"{scenario.prefix}-processor"
        damaged = groups_partition(group)
        broker.terminate()
        write_last_batch_twice(broker, damaged)
        broker.start()

        waits = programs.serve("processor")
        wait_until(lambda: broker.unloaded() == {damaged}, LONG, "the broker says what it can't load", waits)
        text = "waiting for the group to hand out partitions"
        wait_until(lambda: text in programs.page(waits)[1], LONG, text, waits)
        broker.terminate()
        broker.start()
        wait_until(lambda: broker.unloaded() == {damaged}, LONG, "a restart does not repair it", waits)

        scenario.publish(scenario.place(1))
        names = (f"{group}-{number}" for number in range(2, 100))
        other = next(name for name in names if groups_partition(name) != damaged)
        programs.catch_up("processor", GROUP_ID=other)
        assert set(purchases(apis).values()) == {1}
        assert purchases(apis).total() == 2

        scenario.publish(scenario.place(2))
        broker.start_without({damaged})
        wait_until(lambda: purchases(apis).total() == 3, LONG, "the group that waited continues", waits)
        wait_until(lambda: not scenario.problems(), LONG, "everything is recorded", waits)
        waits.kill()
        programs.catch_up("processor")
        assert scenario.problems() == []
        assert broker.unloaded() == set()
