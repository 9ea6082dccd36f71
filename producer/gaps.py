"""Gaps that the processors tell with their committed offsets: entries that expired before they were read."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.logging import get_logger
from schemas.progress import Gap, read_progress

SECONDS = 5.0

log = get_logger(__name__)


def told_gaps(admin: AdminClient, group_id: str, topic: str) -> Callable[[int], list[Gap]]:
    """Return what asks for the group's gaps among a number of partitions; [] where the group can't be asked."""

    def ask(partitions: int) -> list[Gap]:
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        request = [ConsumerGroupTopicPartitions(group_id, asked)]
        try:
            answer: Any = admin.list_consumer_group_offsets(request, request_timeout=SECONDS)[group_id].result()
        except KafkaException as error:
            log.warning("the processors' offsets can't be read; asking again in a minute", error=str(error))
            return []
        found = [read_progress(part.metadata) for part in answer.topic_partitions if part.error is None]
        return [progress.gap for progress in found if progress is not None and progress.gap is not None]

    return ask
