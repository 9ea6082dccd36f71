"""What the intake makes of a log's ends, where the broker did not report them."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition

from processor.consume.source import LOW_MARK_EVERY_SECONDS, Intake, Overtaken
from schemas.codec import make_codec
from schemas.topics import Topics


class Log:
    """One partition, read up to 40; `marks` = what is said of its ends."""

    def __init__(self, low: int, high: int) -> None:
        self.marks, self.now, self.came = (low, high), 0.0, [_message(offset) for offset in range(40, 1040)]
        self.intake = Intake(self, make_codec(Topics("t"), None), "t.journal", lambda: self.now)  # type: ignore[arg-type]
        self.intake.open(0, 0, 40)

    def get_watermark_offsets(self, _: TopicPartition, **__: Any) -> tuple[int, int]:
        return self.marks

    def consume(self, count: int, seconds: float) -> list[Any]:
        came, self.came = self.came, []
        return came

    def pause(self, _: list[TopicPartition]) -> None:
        """Nothing more comes anyway."""

    def read(self, seconds: float) -> None:
        self.now += seconds
        self.intake.poll(0.0)


def _message(offset: int) -> Any:
    return SimpleNamespace(
        partition=lambda: 0, offset=lambda: offset, key=lambda: b"7", value=lambda: b"", error=lambda: None,
        headers=lambda: None, timestamp=lambda: (1, 0),
    )  # fmt: skip


@pytest.mark.parametrize(("end", "waiting"), [(OFFSET_INVALID, 0), (40, 0), (63, 23)])
def test_entries_wait_only_up_to_an_end_that_is_known(end: int, waiting: int) -> None:
    assert Log(0, end).intake.waiting(0) == waiting


def test_a_first_offset_that_was_not_reported_is_asked_for_again() -> None:
    log = Log(OFFSET_INVALID, 2000)
    log.read(1.0)
    log.read(LOW_MARK_EVERY_SECONDS)  # the partition is paused now: its queue is full
    log.marks = (1041, 2000)
    with pytest.raises(Overtaken):
        log.read(LOW_MARK_EVERY_SECONDS)
