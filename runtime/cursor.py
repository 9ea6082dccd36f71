"""The newest row of the cursor topic: how far the producer has read BaseLinker's journal."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from runtime.compacted_reader import CompactedReader
from schemas.codec import Codec, DecodeError
from schemas.records import CURSOR_KEY, Cursor
from schemas.topics import TopicProblem, Topics

WAIT_SECONDS = 0.1


def read_cursor(
    consumer: Consumer,
    admin: AdminClient,
    topics: Topics,
    codec: Codec,
    turn: Callable[[], None] = lambda: None,
    seconds: float = 30.0,
) -> Cursor | None:
    """Return the newest row, None before the first; `turn` is called between two polls, and may raise to give up.

    KafkaException (also when it takes longer), RegistryUnavailable; TopicProblem where the row can't be decoded.
    """
    reader, newest = CompactedReader(consumer, admin, topics.cursor), None
    until = time.monotonic() + seconds
    reader.open([0])
    try:
        while not reader.reached:
            turn()
            if time.monotonic() > until:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topics.cursor} could not be read to its end"))
            for row in reader.poll(time.monotonic(), WAIT_SECONDS):
                newest = row.value if row.key == CURSOR_KEY else newest
    finally:
        reader.drop([0])
    try:
        return codec.decode(newest, Cursor) if newest is not None else None
    except DecodeError as error:
        raise TopicProblem(
            f"{topics.cursor}: the newest row can't be read ({error}). Run the version that wrote it, or delete the"
            " topic: the producer creates it and reads BaseLinker's journal again, nothing is sent twice"
        ) from None
