"""A coordinator that does not answer while the broker does is told, with the way out."""

from concurrent.futures import Future
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from structlog.testing import capture_logs

from runtime import group_watch
from runtime.group_watch import ASK_EVERY_SECONDS, TOLD_AFTER_SECONDS, GroupWatch
from runtime.health import Health


@pytest.fixture(autouse=True)
def _every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    structlog.reset_defaults()
    monkeypatch.setattr(group_watch, "log", structlog.get_logger())


class Admin:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def list_consumer_group_offsets(
        self, asked: list[ConsumerGroupTopicPartitions], **_: Any
    ) -> "dict[str, Future[Any]]":
        self.asked.append(Future())
        return {asked[0].group_id: self.asked[-1]}


def test_a_silent_coordinator_is_told_once_it_lasts_and_again_when_it_is_over() -> None:
    now, admin, health = [0.0], Admin(), Health()
    watch = GroupWatch(cast("Any", admin), "a-group", health, lambda: now[0])
    told = []
    silent = [KafkaError._TIMED_OUT] * 5
    with capture_logs() as lines:
        for error in [None, *silent, None, KafkaError.GROUP_AUTHORIZATION_FAILED]:
            now[0] += ASK_EVERY_SECONDS
            watch.look()
            watch.look()  # no answer yet: nothing is asked twice
            if error is None:
                admin.asked[-1].set_result(None)
            else:
                admin.asked[-1].set_exception(KafkaException(KafkaError(error)))
            watch.look()
            told.append(health.ready()["group"])
    good = int(TOLD_AFTER_SECONDS // ASK_EVERY_SECONDS) + 1
    assert told[: good + 1] == ["ok"] * (good + 1)
    assert all("restart the broker" in state for state in told[good + 1 : 6])
    assert told[6:] == ["ok", "ok"]
    assert len(admin.asked) == 8
    assert [line["log_level"] for line in lines] == ["error", "info"]
