"""A Kafka that answers while the groups' coordinator does not: programs say so, and continue once it is there."""

import time
from pathlib import Path

import pytest

from operations.turn import Turn
from runtime.settings import load_settings
from tests.faults.broker import own_broker
from tests.faults.scenario import Scenario
from tests.harness.commands import bl2sm
from tests.harness.stand_ins import purchases, sandbox
from tests.harness.waiting import LONG, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# one broker can't hold three replicas of the groups' topic, so it makes none; the doubled line overrides the first
NO_COORDINATOR = "offsets.topic.replication.factor=3\n"


def test_without_a_coordinator_programs_say_what_they_wait_for_and_continue_when_it_is_there(tmp_path: Path) -> None:
    with (
        own_broker(properties=NO_COORDINATOR) as broker,
        sandbox("--orders", "0") as apis,
        Scenario(apis, broker.bootstrap, tmp_path) as scenario,
    ):
        programs = scenario.programs
        scenario.place(0)
        once = programs.start("producer", "--until-caught-up")
        live, works = programs.serve("producer"), programs.serve("processor")
        for process, check, text in (
            (live, "leadership", "waiting for the group to say who leads"),
            (works, "assignment", "waiting for the group to hand out partitions"),
        ):
            wait_until(
                lambda process=process, check=check, text=text: programs.checks(process).get(check) == text,  # type: ignore[misc]
                LONG, text, live, works,
            )  # fmt: skip
            assert not programs.ready(process)

        notes: list[str] = []
        turn = Turn(load_settings(programs.environment, None, need="kafka"), notes.append)
        began = time.monotonic()
        assert turn.take(1.0) is False  # nobody can say whether another tool asks
        assert time.monotonic() - began >= 36  # a killed one's session may have to end first
        turn.close()
        assert len(notes) == 1
        assert "waiting for Kafka to say whether another tool asks" in notes[0]

        status = bl2sm(programs.environment, "status", "--json")
        assert status.code == 1
        assert "the coordinator of group" in status.err
        assert once.wait(LONG) == 1
        assert "waiting for the group to say who leads" in programs.log(once)
        assert "another producer leads" not in programs.log(once)

        broker.terminate()
        properties = broker.place.home / "server.properties"
        properties.write_text(properties.read_text().replace(NO_COORDINATOR, ""))
        broker.start()
        wait_until(lambda: all(programs.ready(one) for one in (live, works)), LONG, "both are ready", live, works)
        wait_until(lambda: purchases(apis).total() == 1, LONG, "the order arrives", live, works)
