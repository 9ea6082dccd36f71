"""The offset that the next saved row gets is asked for until the leader reports it."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from confluent_kafka import OFFSET_INVALID, TopicPartition

from operations.settings_rows import end_of
from schemas.topics import Topics


class Admin:
    """A leader that reports its end with the fourth question only."""

    def __init__(self) -> None:
        self.offsets = [OFFSET_INVALID, OFFSET_INVALID, OFFSET_INVALID, 5]

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: Any) -> "dict[TopicPartition, Future[Any]]":
        answer: Future[Any] = Future()
        answer.set_result(SimpleNamespace(offset=self.offsets.pop(0)))
        return dict.fromkeys(asked, answer)

    def list_topics(self, *_: Any, **__: Any) -> None:
        """Nothing changes by it."""


def test_an_end_that_was_not_reported_is_asked_for_again() -> None:
    reads: Any = SimpleNamespace(admin=Admin(), topics=Topics("t"))
    assert end_of(reads) == 5
