"""All tools of a deployment take turns at BaseLinker: as threads, as processes, killed, stopped, without a Kafka."""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka.admin import AdminClient

from clients import PacerClosed
from operations.apis import ToolsPacer
from operations.turn import Turn
from runtime.kafka import admin_config
from runtime.settings import Settings, load_settings
from schemas.topics import Topics, ensure_topics

GAP = 0.8
SHORT = {"SESSION_TIMEOUT_MS": "6000", "CREATE_TIMEOUT_SECONDS": "1"}  # a killed one's place is free sooner
ONE = """
import os, sys, time
from operations.turn import Turn
from runtime.settings import load_settings
given = {"KAFKA_BOOTSTRAP_SERVERS": sys.argv[1], "TOPIC_PREFIX": sys.argv[2]}
turn = Turn(load_settings({**os.environ, **given}, None, need="kafka"), print)
for _ in range(int(sys.argv[3])):
    print(turn.take(float(sys.argv[4])), time.time(), flush=True)
turn.close()
"""


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    found = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, need="kafka")
    ensure_topics(AdminClient(admin_config(found)), Topics(prefix), 2)
    return found


def start(settings: Settings, requests: int, gap: float = GAP) -> "subprocess.Popen[str]":
    given = (settings.kafka_bootstrap_servers, settings.topic_prefix, str(requests), str(gap))
    return subprocess.Popen(
        [sys.executable, "-c", ONE, *given], stdout=subprocess.PIPE, text=True, env={**os.environ, **SHORT}
    )


def requests_of(*tools: "subprocess.Popen[str]") -> list[float]:
    lines = [line for tool in tools for line in tool.communicate(timeout=120)[0].splitlines()]
    return sorted(float(line.split()[1]) for line in lines if re.match(r"True [\d.]+$", line))


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_many_tools_at_once_ask_no_more_often_than_one(settings: Settings) -> None:
    asked = requests_of(*(start(settings, 3) for _ in range(3)))
    assert len(asked) == 9  # everyone got its turn
    assert min(gaps(asked)) >= GAP * 0.9


def test_a_tool_begun_after_another_has_ended_knows_when_that_asked(settings: Settings) -> None:
    asked = requests_of(start(settings, 1, 6.0)) + requests_of(start(settings, 1, 6.0))
    assert min(gaps(asked)) >= 6.0 * 0.9


def test_a_killed_tools_place_is_free_after_its_session(settings: Settings) -> None:
    first = start(settings, 50)
    assert first.stdout is not None
    first.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert len(requests_of(start(settings, 2))) == 2


def test_a_tool_that_was_stopped_while_others_asked_waits_again(settings: Settings) -> None:
    sleeper = start(settings, 8)
    assert sleeper.stdout is not None
    first = [sleeper.stdout.readline() for _ in range(2)]
    os.kill(sleeper.pid, signal.SIGSTOP)
    other = start(settings, 6)
    assert other.stdout is not None
    seen = [other.stdout.readline()]  # the sleeper's session has ended
    os.kill(sleeper.pid, signal.SIGCONT)
    asked = requests_of(sleeper, other)
    early = [float(line.split()[1]) for line in first + seen if line.startswith("True")]
    assert len(asked + early) == 8 + 6  # none went by a pace of its own
    assert min(gaps(sorted(asked + early))) >= GAP * 0.9


def test_where_kafka_is_away_one_goes_by_its_own_pace() -> None:
    away = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, None, need="kafka")
    pacer = ToolsPacer(60.0, Turn(away, print))
    began = time.monotonic()
    pacer.take()
    first = time.monotonic()
    pacer.take()
    assert first - began >= 1.0  # a share begins empty
    assert time.monotonic() - first >= 1.0
    pacer.close()


def test_before_there_are_topics_nobody_is_waited_for(kafka: str, prefix: str) -> None:
    found = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, need="kafka")
    turn = Turn(found, print)
    assert turn.take(1.0) is False
    turn.close()
    assert Topics(prefix).cursor not in AdminClient(admin_config(found)).list_topics(timeout=10).topics


def test_a_block_is_waited_out_before_a_turn_is_asked_for(settings: Settings) -> None:
    pacer = ToolsPacer(600.0, Turn(settings, print))
    pacer.take()
    pacer.block_until(datetime.now(UTC) + timedelta(seconds=2))
    began = time.monotonic()
    pacer.take()
    assert time.monotonic() - began >= 1.9
    pacer.close()


def test_whoever_waits_is_told_when_the_program_ends(settings: Settings) -> None:
    pacer = ToolsPacer(0.5, Turn(settings, print))
    pacer.take()
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(PacerClosed):
            pacer.take()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.5)
    pacer.close()
    wait_for(ended.is_set)
