"""Gaps that the processors report with their committed offsets: entries that expired before they were read."""

from confluent_kafka import TopicPartition

from runtime.offsets import group_offsets
from runtime.settings import Settings
from schemas.progress import Gap, read_progress

SECONDS = 5.0


def reported_gaps(settings: Settings, topic: str, partitions: int) -> list[Gap]:
    """Return the gaps of the processors' group; KafkaException."""
    asked = [TopicPartition(topic, number) for number in range(partitions)]
    found = [read_progress(part.metadata) for part in group_offsets(settings, settings.group_id, asked, SECONDS)]
    return [progress.gap for progress in found if progress is not None and progress.gap is not None]
