"""Where partitions' logs begin and end. A negative offset is an error here: it means that no broker reported one.

`ask_ends` and `find_ends` return the true ends: read_uncommitted, because the last stable offset hides rows.

librdkafka's admin client keeps what it once learnt of a topic's leaders for up to a quarter of an hour. After a
broker's restart the leader epoch is too old (FENCED_LEADER_EPOCH); after an outage of all brokers it remembers "no
leader", and answers that (_NOENT) without asking any of them. If a leader does not answer in time, it reports success
with the offset -1001. In all these cases it is made to ask for the leaders again, here.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

REFRESH_SECONDS = 2.0  # answered in milliseconds by a broker that has just answered
STALE = frozenset(  # a broker's answer to a client that knows an older state
    {
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
NO_LEADER = frozenset(  # perhaps only remembered by the client, so no sign that a broker answers
    {KafkaError._NOENT, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.OFFSET_NOT_AVAILABLE}
)


def ask_ends(admin: AdminClient, topic: str, numbers: Iterable[int], seconds: float) -> dict[int, "Future[Any]"]:
    """Ask, without waiting, for the ends of a topic's partitions; `resolve_end` takes what a future brings."""
    wanted = {number: TopicPartition(topic, number) for number in numbers}
    futures = admin.list_offsets(
        {partition: OffsetSpec.latest() for partition in wanted.values()},  # type: ignore[no-untyped-call]
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=seconds,
    )
    return {number: futures[partition] for number, partition in wanted.items()}


def resolve_end(admin: AdminClient, answer: "Future[Any]", seconds: float | None = None) -> int:
    """Return the end; KafkaException (stale leaders have been refreshed by then), TimeoutError."""
    try:
        return reported(int(answer.result(seconds).offset))
    except KafkaException as error:
        if error.args[0].code() in STALE | NO_LEADER:
            _refresh(admin)
        raise


def find_ends(admin: AdminClient, topic: str, numbers: Iterable[int], seconds: float) -> dict[int, int]:
    """Ask and wait for the ends, twice where the client knew stale leaders; KafkaException, TimeoutError."""
    wanted = list(numbers)
    try:
        return _all(admin, topic, wanted, seconds)
    except KafkaException as error:
        if error.args[0].code() not in STALE | NO_LEADER:
            raise
        return _all(admin, topic, wanted, seconds)


def reported(offset: int) -> int:
    """Return an offset; KafkaException (retriable) for a negative one, which no broker reported."""
    if offset < 0:
        raise KafkaException(
            KafkaError(KafkaError.OFFSET_NOT_AVAILABLE, "the partition's leader reported no offset", retriable=True)
        )
    return offset


def watermarks(consumer: Consumer, topic: str, number: int, seconds: float) -> tuple[int, int]:
    """Ask for a partition's first offset and its end, the last stable one; KafkaException."""
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=seconds)
    return reported(low), reported(high)


def fetched_end(consumer: Consumer, topic: str, number: int) -> int | None:
    """Return the end that came with the last fetch; None = not known. Asks no broker."""
    _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
    return high if high >= 0 else None


def offsets_from(consumer: Consumer, topic: str, times: Mapping[int, int], seconds: float) -> dict[int, int | None]:
    """Return each partition's first offset at or after a time (unix ms), None where all is older; KafkaException."""
    asked = [TopicPartition(topic, number, at) for number, at in times.items()]
    found: dict[int, int | None] = {}
    for part in consumer.offsets_for_times(asked, timeout=seconds):
        if part.error is not None:
            raise KafkaException(part.error)
        found[part.partition] = None if part.offset == OFFSET_END else reported(part.offset)
    return found


def _all(admin: AdminClient, topic: str, numbers: list[int], seconds: float) -> dict[int, int]:
    answers = ask_ends(admin, topic, numbers, seconds)
    return {number: resolve_end(admin, answer, 2 * seconds) for number, answer in answers.items()}


def _refresh(admin: AdminClient) -> None:
    """Have the client ask for all leaders again; asking for one topic by name could create it."""
    try:
        admin.list_topics(timeout=REFRESH_SECONDS)
    except KafkaException:
        return  # the next answer fails again
