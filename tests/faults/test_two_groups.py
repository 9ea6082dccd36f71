"""A second group on the same journal waits until the first has gone: no order is sent by both."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer

from tests.faults.scenario import Scenario
from tests.harness.stand_ins import purchases, sandbox
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KIP_848 = {"KAFKA_GROUP_PROTOCOL": "consumer"}
CLIENT: dict[bool, dict[str, str]] = {False: {}, True: {"group.protocol": "consumer"}}


@pytest.mark.parametrize("protocol", [{}, KIP_848], ids=["classic", "kip-848"])
def test_a_second_group_waits_until_the_first_has_gone(kafka: str, tmp_path: Path, protocol: dict[str, str]) -> None:
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path, over=protocol) as scenario:
        programs = scenario.programs
        scenario.publish(scenario.place(0))
        stranger = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"{scenario.prefix}-stranger", **CLIENT[bool(protocol)]}
        )
        stranger.subscribe([scenario.topics.journal])  # another program that reads along: nobody waits for it
        wait_until(lambda: stranger.poll(0.1) is None and bool(stranger.assignment()), LONG, "it has its partitions")
        other = {"GROUP_ID": f"{scenario.prefix}-processor-2"}
        first = programs.serve("processor")
        try:
            wait_until(lambda: programs.ready(first), LONG, "the first is at work", first)
            once = programs.start("processor", "--until-caught-up", **other)
            assert once.wait(LONG) == 1
            assert "they would send orders twice" in programs.log(once)

            second = programs.serve("processor", **other)
            text = f"processors of group {scenario.prefix}-processor work on"
            wait_until(lambda: text in programs.page(second)[1], LONG, "the second says why it waits", first, second)
            scenario.publish(scenario.place(1))
            wait_until(lambda: purchases(apis).total() == 2, LONG, "the first continues alone", first, second)
            first.terminate()
            assert first.wait(LONG) == 0
            wait_until(lambda: programs.ready(second), LONG, "the second takes over", second)
            scenario.publish(scenario.place(2))
            wait_until(lambda: purchases(apis).total() == 3, LONG, "the second continues", second)
            assert programs.ready(second)
        finally:
            stranger.close()
        assert set(purchases(apis).values()) == {1}
