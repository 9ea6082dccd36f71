"""The journal's partition count is fixed for life: more partitions would move orders away from their rows."""

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from runtime.cursor import read_cursor
from runtime.topic_identity import check_partitions
from schemas.codec import Codec
from schemas.topics import Topics


def check_partition_count(reader: Consumer, admin: AdminClient, topics: Topics, codec: Codec, count: int) -> None:
    """Raise PartitionsChanged when the journal has another count than when it was first written.

    TopicProblem where the cursor can't be decoded; RegistryUnavailable, KafkaException: try again later.
    """
    cursor = read_cursor(reader, admin, topics, codec)
    if cursor is not None:
        check_partitions(topics.journal, count, cursor.journal_partitions)
