"""The journal's partition count is fixed for life: more partitions would move orders away from their rows."""

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from runtime.cursor import read_cursor
from schemas.codec import Codec
from schemas.topics import Topics


class PartitionsChanged(Exception):
    """The topic has another count than the cursor says; the sentence says what to do."""


def check_partition_count(reader: Consumer, admin: AdminClient, topics: Topics, codec: Codec, count: int) -> None:
    """Raise PartitionsChanged when the journal has another count than when it was first written.

    TopicProblem where the cursor can't be decoded; RegistryUnavailable, KafkaException: try again later.
    """
    cursor = read_cursor(reader, admin, topics, codec)
    if cursor is not None and cursor.journal_partitions != count:
        raise PartitionsChanged(moved_away(topics.journal, count, cursor.journal_partitions))


def moved_away(topic: str, count: int, before: int) -> str:
    """Return the sentence that says what is wrong, and what to do."""
    return (
        f"{topic} has {count} partitions and had {before}: orders would be looked up in the wrong place. Move to a new"
        " TOPIC_PREFIX: the look at SALESmanago keeps purchases from being doubled"
    )
