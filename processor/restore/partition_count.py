"""The journal's partition count is fixed for life: more partitions would move orders away from their rows."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from processor.errors import NeedsOperator
from schemas.codec import Codec, DecodeError
from schemas.records import Cursor
from schemas.topics import Topics


def read_cursor(reader: Consumer, topics: Topics, codec: Codec, seconds: float = 30.0) -> Cursor | None:
    """Return the newest cursor row, or None before the first; uses and frees the reader's assignment."""
    newest = None
    reader.assign([TopicPartition(topics.cursor, 0, OFFSET_BEGINNING)])
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            for message in reader.consume(1000, 0.2):
                error, value = message.error(), message.value()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    return newest
                if error is None and isinstance(value, bytes):
                    newest = codec.decode(value, Cursor)
        return newest
    finally:
        reader.unassign()


def check_partition_count(reader: Consumer, topics: Topics, codec: Codec, count: int) -> None:
    """Raise NeedsOperator when the journal has another count than when it was first written, or that is not known."""
    try:
        cursor = read_cursor(reader, topics, codec)
    except DecodeError as error:
        raise NeedsOperator(
            f"{topics.cursor}: the cursor can't be read: {error}. Give the program the schema registry that it was"
            " written with, or its newer version; how many partitions the journal had is not known without it"
        ) from None
    if cursor is not None and cursor.journal_partitions != count:
        raise NeedsOperator(moved_away(topics.journal, count, cursor.journal_partitions))


def moved_away(topic: str, count: int, before: int) -> str:
    """Return the sentence that says what is wrong, and what to do."""
    return (
        f"{topic} has {count} partitions and had {before}: orders would be looked up in the wrong place. Move to a new"
        " TOPIC_PREFIX: the look at SALESmanago keeps purchases from being doubled"
    )
