"""All tools of a deployment take turns at BaseLinker: side by side, one after another, killed, stopped, without Kafka.

What is judged are the times that tools have noted with the group and the broker has accepted: each request has one.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from operations.turn import Turn, seconds_left
from runtime.kafka import admin_config
from runtime.settings import Settings, load_settings
from schemas.topics import Topics, ensure_topics

GAP, LONG_GAP = 0.8, 2.8  # both shorter than a tool stays a member after a request
SHORT = {"SESSION_TIMEOUT_MS": "6000", "CREATE_TIMEOUT_SECONDS": "1"}  # a killed one's place is free sooner
TOOL = """
import json
import sys
import confluent_kafka
from operations import turn
from runtime.settings import load_settings

class Noting(confluent_kafka.Consumer):
    def commit(self, **given):
        done = super().commit(**given)
        if done[0].error is None:
            sys.stdout.write(given["offsets"][0].metadata + "\\n")
            sys.stdout.flush()
        return done

turn.Consumer = Noting
given = dict(zip(("KAFKA_BOOTSTRAP_SERVERS", "TOPIC_PREFIX"), sys.argv[3:5])) | json.loads(sys.argv[5])
tool = turn.Turn(load_settings(given, None, need="kafka"), lambda text: None)
for _ in range(int(sys.argv[1])):
    if not tool.take(float(sys.argv[2])):
        sys.stdout.write("a pace of its own\\n")
tool.close()
"""


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    found = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix, **SHORT}, None, need="kafka")
    ensure_topics(AdminClient(admin_config(found)), Topics(prefix), 2)
    return found


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process's tools have noted with the group."""
    found: list[str] = []

    class Noting(Consumer):
        def commit(self, **given: Any) -> Any:
            done = super().commit(**given)
            if done[0].error is None:
                found.append(given["offsets"][0].metadata)
            return done

    monkeypatch.setattr("operations.turn.Consumer", Noting)
    return found


def start(settings: Settings, requests: int, gap: float = GAP) -> "subprocess.Popen[str]":
    """A tool as a process of its own."""
    given = (settings.kafka_bootstrap_servers, settings.topic_prefix, json.dumps(SHORT))
    command = [sys.executable, "-c", TOOL, str(requests), str(gap), *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def take(settings: Settings, requests: int, gap: float = GAP) -> list[bool]:
    """A tool in this process that makes so many requests."""
    turn = Turn(settings, print)
    try:
        return [turn.take(gap) for _ in range(requests)]
    finally:
        turn.close()


def least_gap(noted: Sequence[str], others: Sequence[str] = ()) -> int:
    """The least distance, in the ms that notes are in, between one of these requests and the one before it."""
    own, of_others = ([_milliseconds(note) for note in some] for some in (noted, others))
    both = sorted(own + of_others)
    return min(later - earlier for earlier, later in itertools.pairwise(both) if later in own)


def _milliseconds(note: str) -> int:
    found = re.fullmatch(r"asked=(\d+)\.(\d{3})", note.strip())
    assert found is not None, note
    return int(found[1] + found[2])


@pytest.mark.parametrize(
    ("metadata", "left"),
    [
        ("asked=996.250", 8.25),
        ("asked=988.000", 0.0),
        ("asked=900.000", -88.0),
        ("asked=1200.000", 12.0),  # of a host whose clock is ahead
        ("asked=soon", -988.0),
        ("of another program", -988.0),
        (None, -988.0),
    ],
)
def test_the_next_request_is_a_gap_after_the_groups_last_one(metadata: str | None, left: float) -> None:
    assert seconds_left(metadata, 12.0, now=1000.0) == left


def test_many_tools_at_once_ask_no_more_often_than_one(settings: Settings, notes: list[str]) -> None:
    other = start(settings, 3)
    granted: list[bool] = []
    threads = [threading.Thread(target=lambda: granted.extend(take(settings, 3))) for _ in range(2)]
    for one in threads:
        one.start()
    noted = other.communicate(timeout=120)[0].splitlines()
    for one in threads:
        one.join(120)
    assert granted == [True] * 6
    assert len(noted) == 3, noted  # everyone got its turn
    assert len(notes) == 6
    assert least_gap([*noted, *notes]) >= GAP * 1000


def test_a_tool_that_begins_after_another_has_ended_knows_when_that_asked(settings: Settings, notes: list[str]) -> None:
    assert [take(settings, 1, 4.0), take(settings, 1, 4.0)] == [[True], [True]]
    assert len(notes) == 2
    assert least_gap(notes) >= 4000


def test_a_killed_tools_place_is_free_after_its_session(settings: Settings) -> None:
    killed = start(settings, 50)
    assert killed.stdout is not None
    assert killed.stdout.readline().startswith("asked=")
    killed.kill()
    killed.wait(30)
    assert take(settings, 2) == [True, True]


def test_a_tool_that_was_stopped_while_others_asked_waits_again(settings: Settings, notes: list[str]) -> None:
    sleeper = start(settings, 3, LONG_GAP)
    assert sleeper.stdout is not None
    noted = [sleeper.stdout.readline()]
    os.kill(sleeper.pid, signal.SIGSTOP)  # the owner, which knows when its next request is due
    other = Turn(settings, print)
    granted = [other.take(GAP)]  # the sleeper's session has ended
    os.kill(sleeper.pid, signal.SIGCONT)
    granted += [other.take(GAP) for _ in range(2)]
    other.close()
    noted += sleeper.communicate(timeout=120)[0].splitlines()
    assert granted == [True] * 3  # neither went by a pace of its own
    assert len(noted) == 3, noted
    assert len(notes) == 3
    assert least_gap(notes, noted) >= GAP * 1000
    assert least_gap(noted, notes) >= LONG_GAP * 1000


def test_before_there_are_topics_nobody_is_waited_for(kafka: str, prefix: str) -> None:
    found = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, need="kafka")
    assert take(found, 1) == [False]
    assert Topics(prefix).cursor not in AdminClient(admin_config(found)).list_topics(timeout=10).topics
