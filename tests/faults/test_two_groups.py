"""A second group on the same journal waits until the first has gone: no order is sent by both."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from processor.rivals import topics_of
from tests.e2e.producing import end, page, purchases, told, wait_until
from tests.faults.scenario import Scenario, stand_ins
from tests.harness.ports import quiet_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KIP_848 = {"KAFKA_GROUP_PROTOCOL": "consumer"}
CLIENT: dict[bool, dict[str, str]] = {False: {}, True: {"group.protocol": "consumer"}}


@pytest.mark.parametrize("protocol", [{}, KIP_848], ids=["classic", "kip-848"])
def test_a_second_group_waits_until_the_first_has_gone(kafka: str, tmp_path: Path, protocol: dict[str, str]) -> None:
    with stand_ins() as apis:
        scenario = Scenario(apis, kafka, tmp_path, over=protocol)
        scenario.publish(scenario.place(0))
        stranger = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"{scenario.prefix}-stranger", **CLIENT[bool(protocol)]}
        )
        stranger.subscribe([scenario.topics.journal])  # another program that reads along: nobody waits for it
        wait_until(lambda: stranger.poll(0.1) is None and bool(stranger.assignment()), "it has its partitions")
        other, ports = {"GROUP_ID": f"{scenario.prefix}-processor-2"}, [quiet_port() for _ in range(2)]
        first = scenario.start("first", "processor", HTTP_PORT=str(ports[0]))
        try:
            wait_until(lambda: page(ports[0], "/readyz")[0] == 200, "the first is at work", first)
            once = scenario.start("once", "processor", "--until-caught-up", **other)
            assert scenario.ended(once) == 1
            assert told(scenario, "once", "they would send orders twice")()

            second = scenario.start("second", "processor", HTTP_PORT=str(ports[1]), **other)
            try:
                text = f"processors of group {scenario.prefix}-processor work on"
                wait_until(lambda: text in page(ports[1], "/readyz")[1], "the second says why it waits", first, second)
                scenario.publish(scenario.place(1))
                wait_until(lambda: purchases(scenario).total() == 2, "the first goes on alone", first, second)
                first.terminate()
                assert first.wait(60) == 0
                wait_until(lambda: page(ports[1], "/readyz")[0] == 200, "the second takes over", second)
                scenario.publish(scenario.place(2))
                wait_until(lambda: purchases(scenario).total() == 3, "the second goes on", second)
                assert json.loads(page(ports[1], "/readyz")[1])["ready"]
            finally:
                end(second)
        finally:
            end(first)
            stranger.close()
        assert set(purchases(scenario).values()) == {1}


def test_an_assignment_that_cannot_be_read_names_no_topic() -> None:
    whole = b"\0\0\0\0\0\2\0\1a\0\0\0\1\0\0\0\5\0\1b\0\0\0\0\0\0\0\0"
    assert topics_of(whole) == {"a"}
    assert [topics_of(whole[:size]) for size in range(13)] == [set()] * 13
    assert topics_of(b"something else") == set()
