"""A Kafka that answers while the groups' coordinator does not: every program says so, and goes on once it is there."""

import json
import time
from pathlib import Path

from operations.turn import Turn
from runtime.settings import load_settings
from tests.e2e.producing import end, page, purchases, told, wait_until
from tests.faults.broker import own_broker
from tests.faults.scenario import Scenario, stand_ins
from tests.harness.commands import bl2sm
from tests.harness.ports import quiet_port
from tests.harness.programs import settings

# one broker can't hold three replicas of the groups' topic, so it makes none; the doubled line overrides the first
NO_COORDINATOR = "offsets.topic.replication.factor=3\n"


def checks(port: int) -> dict[str, str]:
    status, text = page(port, "/readyz")
    found: dict[str, str] = json.loads(text)["checks"] if text else {}
    assert status != 200 or set(found.values()) == {"ok"}
    return found


def test_without_a_coordinator_programs_say_what_they_wait_for_and_go_on_when_it_is_there(tmp_path: Path) -> None:
    with own_broker(properties=NO_COORDINATOR) as broker, stand_ins() as apis:
        scenario = Scenario(apis, broker.bootstrap, tmp_path)
        scenario.place(0)
        ports = [quiet_port() for _ in range(2)]
        once = scenario.start("once", "producer", "--until-caught-up")
        live = scenario.start("live", "producer", HTTP_PORT=str(ports[0]))
        works = scenario.start("works", "processor", HTTP_PORT=str(ports[1]))
        try:
            said = [("leadership", "waiting for the group to say who leads")]
            said += [("assignment", "waiting for the group to hand out partitions")]
            for port, (check, text) in zip(ports, said, strict=True):
                wait_until(lambda port=port, check=check, text=text: checks(port).get(check) == text, text, live, works)  # type: ignore[misc]

            notes: list[str] = []
            given = settings(dict(apis), broker.bootstrap, scenario.prefix) | {
                "SESSION_TIMEOUT_MS": "6000",
                "CREATE_TIMEOUT_SECONDS": "1",
            }
            turn = Turn(load_settings(given, None, need="kafka"), notes.append)
            began = time.monotonic()
            assert turn.take(1.0) is False  # nobody can say whether another tool asks
            assert time.monotonic() - began >= 36  # a killed one's session may have to end first
            turn.close()
            assert len(notes) == 1
            assert "waiting for Kafka to say whether another tool asks" in notes[0]

            status = bl2sm(given, "status", "--json")
            assert status.code == 1
            assert "the coordinator of group" in status.err
            assert scenario.ended(once) == 1
            assert told(scenario, "once", "waiting for the group to say who leads")()
            assert not told(scenario, "once", "another producer leads")()

            broker.terminate()
            properties = broker.place.home / "server.properties"
            properties.write_text(properties.read_text().replace(NO_COORDINATOR, ""))
            broker.start()
            wait_until(lambda: all(page(port, "/readyz")[0] == 200 for port in ports), "both are ready", live, works)
            wait_until(lambda: purchases(scenario).total() == 1, "the order arrives", live, works)
        finally:
            end(once, live, works)
