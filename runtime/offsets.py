"""What a group has committed, asked and moved from outside the group.

By a consumer that never joins: the AdminClient's own calls end the whole process with a segmentation fault when the
broker answers that it is not the group's coordinator, as one does that was just started (librdkafka issue 5040).
"""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.kafka import consumer_config
from runtime.settings import Settings


class GroupOffsets:
    """Asks for one group's offsets, the first time after it has found the coordinator (0.3 s); to be closed."""

    def __init__(self, settings: Settings, group_id: str) -> None:
        self._group_id = group_id
        plain = {name: value for name, value in settings.kafka_properties.items() if name != "group.protocol"}
        config = consumer_config(settings.model_copy(update={"kafka_properties": plain}), group_id)
        self._reader = Consumer({**config, "isolation.level": "read_uncommitted"})

    def read(self, asked: Sequence[TopicPartition], seconds: float) -> list[Any]:
        """Return partitions with offset and metadata as last committed, without open transactions; KafkaException."""
        try:
            found = self._reader.committed(list(asked), timeout=seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._TIMED_OUT:
                raise
            text = f"the coordinator of group {self._group_id} did not answer within {seconds:.0f} s"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, text)) from None
        if wrong := next((part.error for part in found if part.error is not None), None):
            raise KafkaException(wrong)
        return found

    def move(self, moved: Sequence[TopicPartition]) -> None:
        """Commit offsets with their metadata for a group without members; KafkaException: it has some, or no answer.

        Takes up to the session time-out where the group's coordinator is away.
        """
        answer = self._reader.commit(offsets=list(moved), asynchronous=False) or []
        if wrong := next((part.error for part in answer if part.error is not None), None):
            raise KafkaException(wrong)

    def close(self) -> None:
        """End its connections."""
        self._reader.close()


def group_offsets(settings: Settings, group_id: str, asked: Sequence[TopicPartition], seconds: float) -> list[Any]:
    """Return the same, asked once."""
    offsets = GroupOffsets(settings, group_id)
    try:
        return offsets.read(asked, seconds)
    finally:
        offsets.close()
