"""Where partitions' logs end, asked of the broker: read_uncommitted, for the last stable offset hides rows.

librdkafka's admin client keeps each topic's leader epoch as it was told it first. After a broker's restart that one is
too old; the answer says so (FENCED_LEADER_EPOCH) and the client does not ask for the new one, up to a quarter of an
hour. So it is told to, here.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

REFRESH_SECONDS = 2.0  # answered in milliseconds by a broker that has just answered
STALE = frozenset(
    {
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)


def ask_ends(admin: AdminClient, topic: str, numbers: Iterable[int], seconds: float) -> dict[int, "Future[Any]"]:
    """Ask, without waiting, for the ends of a topic's partitions; `end_told` takes what a future brings."""
    wanted = {number: TopicPartition(topic, number) for number in numbers}
    futures = admin.list_offsets(
        {partition: OffsetSpec.latest() for partition in wanted.values()},  # type: ignore[no-untyped-call]
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=seconds,
    )
    return {number: futures[partition] for number, partition in wanted.items()}


def end_told(admin: AdminClient, topic: str, answer: "Future[Any]", seconds: float | None = None) -> int:
    """Return the end; KafkaException (what the client must learn anew, it has learnt by then), TimeoutError."""
    try:
        return int(answer.result(seconds).offset)
    except KafkaException as error:
        if error.args[0].code() in STALE:
            _refresh(admin, topic)
        raise


def find_ends(admin: AdminClient, topic: str, numbers: Iterable[int], seconds: float) -> dict[int, int]:
    """Ask and wait for the ends, once more where the client had to learn something; KafkaException, TimeoutError."""
    wanted = list(numbers)
    try:
        return _all(admin, topic, wanted, seconds)
    except KafkaException as error:
        if error.args[0].code() not in STALE:
            raise
        return _all(admin, topic, wanted, seconds)


def _all(admin: AdminClient, topic: str, numbers: list[int], seconds: float) -> dict[int, int]:
    answers = ask_ends(admin, topic, numbers, seconds)
    return {number: end_told(admin, topic, answer, 2 * seconds) for number, answer in answers.items()}


def _refresh(admin: AdminClient, topic: str) -> None:
    """Have the client ask for the topic's leaders anew."""
    try:
        admin.list_topics(topic, timeout=REFRESH_SECONDS)
    except KafkaException:
        return  # the next answer tells it again
