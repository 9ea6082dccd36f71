"""A broker that is away is told: at /readyz, and in the log without flooding it."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition
from structlog.testing import capture_logs

from runtime import broker_watch
from runtime import client_errors as complaining
from runtime.broker_watch import ASK_EVERY_SECONDS, BrokerWatch
from runtime.client_errors import AGAIN_SECONDS, Complaints
from runtime.health import Health


@pytest.fixture(autouse=True)
def _every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of every level, whatever level an earlier test of this process asked for."""
    structlog.reset_defaults()
    for module in (broker_watch, complaining):
        monkeypatch.setattr(module, "log", structlog.get_logger())


class Admin:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def poll(self, _: float) -> int:
        return 0

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: Any) -> "dict[TopicPartition, Future[Any]]":
        self.asked.append(Future())
        return dict.fromkeys(asked, self.asked[-1])

    def list_topics(self, *_: Any, **__: Any) -> None:
        """Nothing changes by it."""


def test_readiness_follows_the_broker_and_the_log_has_one_line_for_going_and_one_for_coming() -> None:
    now, admin, health = [0.0], Admin(), Health()
    watch = BrokerWatch(cast("Any", admin), "cursor", health, lambda: now[0])
    told = []
    with capture_logs() as lines:
        for error in [None, KafkaError._TIMED_OUT, KafkaError._TRANSPORT, None, KafkaError.UNKNOWN_TOPIC_OR_PART]:
            now[0] += ASK_EVERY_SECONDS
            watch.look()
            watch.look()  # no answer yet: nothing is asked twice
            if error is None:
                admin.asked[-1].set_result(SimpleNamespace(offset=7))
            else:
                admin.asked[-1].set_exception(KafkaException(KafkaError(error)))
            watch.look()
            told.append(health.ready()["broker"])
    away = "Kafka does not answer"
    assert told == ["ok", away, away, "ok", "ok"]
    assert len(admin.asked) == 5
    assert [line["event"] for line in lines] == ["Kafka does not answer; waiting for it", "Kafka answers again"]


@pytest.mark.parametrize("answer", [OFFSET_INVALID, KafkaError._NOENT, KafkaError.LEADER_NOT_AVAILABLE])
def test_an_answer_that_no_broker_may_have_given_is_no_sign_of_one(answer: int) -> None:
    now, admin, health = [0.0], Admin(), Health()
    watch = BrokerWatch(cast("Any", admin), "cursor", health, lambda: now[0])
    now[0] += ASK_EVERY_SECONDS
    watch.look()
    if answer == OFFSET_INVALID:
        admin.asked[-1].set_result(SimpleNamespace(offset=answer))
    else:
        admin.asked[-1].set_exception(KafkaException(KafkaError(answer)))
    watch.look()
    assert health.ready()["broker"] == "Kafka does not answer"


def test_the_same_trouble_is_told_once_in_a_while_however_often_it_comes() -> None:
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    with capture_logs() as lines:
        for _ in range(200):
            complaints(KafkaError(KafkaError._TRANSPORT, "Connection refused"))
            complaints(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
            now[0] += AGAIN_SECONDS / 100
        complaints(KafkaError(KafkaError._AUTHENTICATION, "wrong password"))
    assert [line["error"] for line in lines] == ["Connection refused"] * 2 + ["wrong password"]
