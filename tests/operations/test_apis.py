"""The tools' pace at BaseLinker: a block is waited out, a lonely tool keeps its own pace, a command keeps its bound."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka.admin import AdminClient

from clients import ApiError, PacerClosed
from operations.apis import ToolsPacer, open_apis
from operations.probe import LOG_TYPES
from operations.turn import Turn
from runtime.settings import Settings, load_settings
from sandbox.remote import fetch_state
from schemas.topics import Topics, ensure_topics
from tests.harness.programs import settings
from tests.harness.stand_ins import sandbox
from tests.harness.waiting import wait_until

STARTED = datetime(2026, 11, 25, tzinfo=UTC)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return STARTED + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def pacer(time: Time, per_minute: float, turn: Turn) -> ToolsPacer:
    return ToolsPacer(per_minute, turn, time.clock, time.now, time.sleep)


class Free(Turn):
    """A turn that comes at once, and notes when it was asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.asked_at: list[float] = []
        self._now = clock

    def take(self, gap: float) -> bool:
        self.asked_at.append(self._now())
        return True

    def close(self) -> None:
        return


def test_where_kafka_is_unreachable_a_tool_keeps_its_own_pace() -> None:
    away = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, None, need="kafka")
    time = Time()
    alone = pacer(time, 60.0, Turn(away, print))
    alone.take()
    assert time.seconds == pytest.approx(1.0), "a share begins empty"
    alone.take()
    assert time.seconds == pytest.approx(2.0)
    alone.close()


def test_a_block_is_waited_out_before_a_turn_is_asked_for() -> None:
    time = Time()
    turn = Free(time.clock)
    blocked = pacer(time, 600.0, turn)
    blocked.take()
    blocked.block_until(STARTED + timedelta(seconds=200))
    blocked.take()
    assert turn.asked_at == [0.0, 200.0]


@pytest.fixture
def deployed(kafka: str, prefix: str) -> Settings:
    """Settings of a deployment that has its topics."""
    found = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, need="kafka")
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), Topics(prefix), 2)
    return found


def refused_once_closed(waiting: ToolsPacer, until: Callable[[], bool]) -> bool:
    """Whether a request that waits in a thread is refused when the pacer is closed, once `until` holds."""
    refused = threading.Event()

    def wait() -> None:
        with pytest.raises(PacerClosed):
            waiting.take()
        refused.set()

    threading.Thread(target=wait, daemon=True).start()
    wait_until(until, 60, "it waits")
    waiting.close()
    return refused.wait(60)


def test_a_request_that_waits_for_its_turn_is_refused_when_the_program_ends(deployed: Settings) -> None:
    another, turn = Turn(deployed, print), Turn(deployed, print)
    assert another.take(120.0)
    another.close()
    admin = AdminClient({"bootstrap.servers": deployed.kafka_bootstrap_servers})

    def is_member() -> bool:
        group = admin.describe_consumer_groups([turn.group_id])[turn.group_id].result(30)
        return len(group.members) == 1

    assert refused_once_closed(ToolsPacer(0.5, turn), is_member)


def test_a_request_that_waits_for_the_pace_is_refused_when_the_program_ends() -> None:
    waiting = ToolsPacer(0.5, Free(lambda: 0.0))
    waiting.take()
    assert refused_once_closed(waiting, lambda: True)


def test_a_command_makes_no_more_requests_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.turn.ANSWER_SECONDS", 0.1)  # no Kafka answers
    with sandbox("--orders", "3") as urls:
        with pytest.warns(UserWarning, match="above the 100"):
            given = load_settings(settings(urls, "127.0.0.1:1", "most"), None, need="processor")
        with open_apis(given, most=2) as apis:
            for _ in range(2):
                apis.base.journal(0, LOG_TYPES)
            with pytest.raises(ApiError, match="the 2 requests"):
                apis.base.journal(0, LOG_TYPES)
            assert apis.requests() == 2
        assert sum(fetch_state(urls["BASELINKER_API_URL"])["requests"].values()) == 2
