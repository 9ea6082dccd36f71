"""The group's callbacks, the only ones here: Kafka's client calls, and the pipeline walks its stages.

They run inside the consumer's poll. What goes wrong in one is kept for the loop to raise.
"""

from collections.abc import Callable
from typing import Protocol

from confluent_kafka import Consumer, TopicPartition

from runtime.assignment_known import AssignmentKnown
from runtime.kafka import assign_paused, unassign
from runtime.logging import get_logger

log = get_logger(__name__)


class Walks(Protocol):
    """What the pipeline does where partitions come and go."""

    def assigned(self, partitions: set[int]) -> None:
        """They are ours, paused."""

    def revoked(self, partitions: set[int]) -> None:
        """They will be another's: finish what is under way and commit it."""

    def lost(self, partitions: set[int]) -> None:
        """They are another's: commit nothing."""


class Rebalance:
    """One membership of the group. `owned` = the partitions that are assigned, ready or not."""

    def __init__(self, consumer: Consumer, topic: str, known: AssignmentKnown, cooperative: bool) -> None:
        self._consumer, self._topic, self._known, self._cooperative = consumer, topic, known, cooperative
        self._walks: Walks | None = None
        self._trouble: Exception | None = None
        self.owned: set[int] = set()

    def join(self, walks: Walks) -> None:
        """Subscribe."""
        self._walks = walks
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def leave(self) -> None:
        """Do nothing any more when the group calls."""
        self._walks = None

    @property
    def known(self) -> bool:
        """Whether the group has said what this member owns."""
        return self._known.known

    def check(self) -> None:
        """Raise what went wrong in a callback."""
        if self._trouble is not None:
            raise self._trouble

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        log.info("partitions assigned", partitions=sorted(numbers))
        assign_paused(consumer, partitions, self._cooperative)
        self._known.assigned()
        self.owned |= numbers
        if self._walks is not None:
            self._walk(self._walks.assigned, numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._walks is None:
            return
        numbers = {partition.partition for partition in partitions}
        log.info("partitions revoked", partitions=sorted(numbers))
        self._walk(self._walks.revoked, numbers)
        self._give_up(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._walks is None:
            return
        numbers = {partition.partition for partition in partitions}
        self._known.lost()
        log.warning("partitions lost: nothing of theirs is committed", partitions=sorted(numbers))
        self._walk(self._walks.lost, numbers)
        self._give_up(consumer, partitions)

    def _walk(self, walk: Callable[[set[int]], None], numbers: set[int]) -> None:
        try:
            walk(numbers)
        except Exception as error:
            self._trouble = self._trouble or error

    def _give_up(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.owned -= {partition.partition for partition in partitions}
        unassign(consumer, partitions, self._cooperative)
        if not self._cooperative:
            self._known.lost()  # all were taken; which come back is not known yet
