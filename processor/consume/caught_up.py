"""Whether the group has nothing left, in any partition: only then may a member end that was told to end when caught up.

A member's own partitions say too little: between two assignments it has none, and what it just gave up may belong to
nobody yet.
"""

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

ASK_SECONDS, AGAIN_SECONDS = 1.0, 0.5


class GroupCaughtUp:
    """`reader` is a consumer of no group's assignment, free while it is asked; `member` knows the group's offsets."""

    def __init__(
        self, member: Consumer, reader: Consumer, topic: str, partitions: int, clock: Callable[[], float]
    ) -> None:
        self._member, self._reader, self._clock = member, reader, clock
        self._asked = [(topic, number) for number in range(partitions)]
        self._next = 0.0

    def reached(self) -> bool:
        """Whether no committed entry lies after the group's offsets; False while that is not known."""
        if self._clock() < self._next:
            return False
        try:
            found = self._member.committed([TopicPartition(*asked) for asked in self._asked], timeout=ASK_SECONDS)
            if any(partition.error is not None for partition in found):
                return False
            return self._nothing_after(found)
        except KafkaException:
            return False
        finally:
            self._next = self._clock() + AGAIN_SECONDS

    def _nothing_after(self, committed: list[TopicPartition]) -> bool:
        rest = [
            TopicPartition(here.topic, here.partition, here.offset if here.offset >= 0 else OFFSET_BEGINNING)
            for here in committed
        ]
        left = {here.partition for here in rest}
        self._reader.incremental_assign(rest)
        try:
            until = time.monotonic() + ASK_SECONDS
            while left and time.monotonic() < until:
                for message in self._reader.consume(100, 0.05):
                    error = message.error()
                    if error is None:
                        return False
                    number = message.partition()
                    if error.code() == KafkaError._PARTITION_EOF and number is not None:
                        left.discard(number)
            return not left
        finally:
            self._reader.incremental_unassign(rest)
