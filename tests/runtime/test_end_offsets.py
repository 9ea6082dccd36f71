"""Where logs end: a client that remembers old leaders is made to ask again, and a negative offset is never an end."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from runtime.end_offsets import ask_ends, end_told, fetched_end, find_ends, offsets_from, watermarks

OLD = [
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._NOENT,
]


class Admin:
    """A client that answers from what it remembers until it is made to ask for the leaders; `wrong` = what that is."""

    def __init__(self, wrong: int | None = None, offset: int = 7) -> None:
        self.wrong, self.offset = wrong, offset
        self.brokers_answer = True
        self.asked = 0

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: Any) -> "dict[TopicPartition, Future[Any]]":
        self.asked += 1
        answer: Future[Any] = Future()
        if self.wrong is not None:
            answer.set_exception(KafkaException(KafkaError(self.wrong)))
        else:
            answer.set_result(SimpleNamespace(offset=self.offset))
        return dict.fromkeys(asked, answer)

    def list_topics(self, timeout: float) -> None:
        if not self.brokers_answer:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.wrong, self.offset = None, max(7, self.offset)


def code(caught: "pytest.ExceptionInfo[KafkaException]") -> int:
    return int(caught.value.args[0].code())


@pytest.mark.parametrize("wrong", OLD)
def test_ends_are_found_at_once_although_the_client_remembers_other_leaders(wrong: int) -> None:
    assert find_ends(Admin(wrong), "t", [0, 1], 1.0) == {0: 7, 1: 7}  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", OLD)
def test_a_loop_that_does_not_wait_gets_the_end_with_its_next_question(wrong: int) -> None:
    admin: Any = Admin(wrong)
    with pytest.raises(KafkaException) as caught:
        end_told(admin, ask_ends(admin, "t", [0], 1.0)[0])
    assert code(caught) == wrong
    assert end_told(admin, ask_ends(admin, "t", [0], 1.0)[0]) == 7


def test_while_no_broker_answers_the_error_is_passed_on_and_the_end_is_found_once_one_does() -> None:
    admin: Any = Admin(KafkaError._NOENT)
    admin.brokers_answer = False
    with pytest.raises(KafkaException):
        find_ends(admin, "t", [0], 1.0)
    admin.brokers_answer = True
    assert find_ends(admin, "t", [0], 1.0) == {0: 7}


def test_other_errors_are_passed_on_without_another_question() -> None:
    admin: Any = Admin(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        find_ends(admin, "t", [0], 1.0)
    assert admin.asked == 1


def test_an_end_that_the_leader_did_not_report_is_a_retriable_error_and_the_leaders_are_asked_for_again() -> None:
    admin: Any = Admin(offset=OFFSET_INVALID)
    with pytest.raises(KafkaException) as caught:
        end_told(admin, ask_ends(admin, "t", [0], 1.0)[0])
    assert code(caught) == KafkaError.OFFSET_NOT_AVAILABLE
    assert caught.value.args[0].retriable()
    assert end_told(admin, ask_ends(admin, "t", [0], 1.0)[0]) == 7
    assert find_ends(Admin(offset=OFFSET_INVALID), "t", [0], 1.0) == {0: 7}  # type: ignore[arg-type]


class Reader:
    """A consumer with these watermarks, or this offset for any time."""

    def __init__(self, low: int = 0, high: int = 0, at: int = 0, error: int | None = None) -> None:
        self.low, self.high, self.at, self.error = low, high, at, error

    def get_watermark_offsets(self, _: TopicPartition, **options: Any) -> tuple[int, int]:
        assert options.keys() == {"timeout"} or options == {"cached": True}
        return self.low, self.high

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        error = KafkaError(self.error) if self.error is not None else None
        return [SimpleNamespace(partition=one.partition, offset=self.at, error=error) for one in asked]


@pytest.mark.parametrize(("low", "high"), [(OFFSET_INVALID, 23), (0, OFFSET_INVALID), (OFFSET_INVALID, OFFSET_INVALID)])
def test_watermarks_that_were_not_reported_are_a_retriable_error(low: int, high: int) -> None:
    with pytest.raises(KafkaException) as caught:
        watermarks(Reader(low, high), "t", 0, 1.0)  # type: ignore[arg-type]
    assert caught.value.args[0].retriable()


def test_watermarks_of_an_empty_log_are_believed() -> None:
    assert watermarks(Reader(5, 5), "t", 0, 1.0) == (5, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("high", "end"), [(OFFSET_INVALID, None), (0, 0), (23, 23)])
def test_the_end_that_came_with_the_last_fetch_may_be_unknown(high: int, end: int | None) -> None:
    assert fetched_end(Reader(OFFSET_INVALID, high), "t", 0) == end  # type: ignore[arg-type]


@pytest.mark.parametrize(("at", "offset"), [(OFFSET_END, None), (0, 0), (12, 12)])
def test_a_time_after_the_last_message_has_no_offset(at: int, offset: int | None) -> None:
    assert offsets_from(Reader(at=at), "t", {0: 1, 3: 1}, 1.0) == {0: offset, 3: offset}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reader", [Reader(at=OFFSET_INVALID), Reader(at=OFFSET_END, error=KafkaError.NOT_LEADER_FOR_PARTITION)]
)
def test_an_offset_for_a_time_that_was_not_reported_is_an_error(reader: Any) -> None:
    with pytest.raises(KafkaException):
        offsets_from(reader, "t", {0: 1}, 1.0)
