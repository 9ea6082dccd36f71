"""Gaps that the processors tell with their committed offsets: entries that expired before they were read."""

from collections.abc import Callable

from confluent_kafka import KafkaException, TopicPartition

from runtime.client_errors import told_by
from runtime.logging import get_logger
from runtime.offsets import group_offsets
from runtime.settings import Settings
from schemas.progress import Gap, read_progress

SECONDS = 5.0

log = get_logger(__name__)


def told_gaps(settings: Settings, topic: str) -> Callable[[int], list[Gap]]:
    """Return what asks for the group's gaps among a number of partitions; [] where the group can't be asked."""

    def ask(partitions: int) -> list[Gap]:
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        try:
            answer = group_offsets(settings, settings.group_id, asked, SECONDS)
        except KafkaException as error:
            log.warning("the processors' offsets can't be read; asking again in a minute", error=told_by(error))
            return []
        found = [read_progress(part.metadata) for part in answer]
        return [progress.gap for progress in found if progress is not None and progress.gap is not None]

    return ask
