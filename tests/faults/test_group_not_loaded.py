"""A broker that can't load a group, for a batch of the groups' topic lies on its disk twice.

Kafka 4.1.1 was seen to write it so on a full disk. No restart mends it: the programs wait and say so; what
docs/operations.md tells mends it: another GROUP_ID goes on, and so does everything once that partition is removed.
"""

from pathlib import Path

import pytest

from tests.e2e.producing import end, page, purchases, wait_until
from tests.faults.broker import Broker, groups_partition, own_broker
from tests.faults.scenario import Scenario, stand_ins
from tests.harness.ports import quiet_port

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


def test_a_group_that_cannot_be_loaded_is_told_and_both_ways_out_lose_and_double_nothing(tmp_path: Path) -> None:
    with own_broker() as broker, stand_ins() as apis:
        scenario = Scenario(apis, broker.bootstrap, tmp_path)
        scenario.publish(scenario.place(0))
        assert scenario.finish("before") == []
        group = f"{scenario.prefix}-processor"
        damaged = groups_partition(group)
        broker.terminate()
        write_last_batch_twice(broker, damaged)
        broker.start()

        port = quiet_port()
        waits = scenario.start("waits", "processor", HTTP_PORT=str(port))
        try:
            wait_until(lambda: broker.unloaded() == {damaged}, "the broker says what it can't load", waits)
            text = "waiting for the group to hand out partitions"
            wait_until(lambda: text in page(port, "/readyz")[1], text, waits)
            broker.terminate()
            broker.start()
            wait_until(lambda: broker.unloaded() == {damaged}, "a restart does not mend it", waits)

            scenario.publish(scenario.place(1))
            names = (f"{group}-{number}" for number in range(2, 100))
            other = next(name for name in names if groups_partition(name) != damaged)
            assert scenario.ended(scenario.start("other", "processor", "--until-caught-up", GROUP_ID=other)) == 0
            assert set(purchases(scenario).values()) == {1}
            assert purchases(scenario).total() == 2

            scenario.publish(scenario.place(2))
            broker.start_without({damaged})
            wait_until(lambda: purchases(scenario).total() == 3, "the group that waited goes on", waits)
            wait_until(lambda: not scenario.problems(), "everything is recorded", waits)
        finally:
            end(waits)
        assert scenario.finish("after") == []
        assert scenario.problems() == []
        assert broker.unloaded() == set()
