"""Ends a replay of a time or of offsets before it is through: what is left of it is passed over as done.

The group stays where it is; the mark "replay until" is taken out of its offsets' metadata. So no entry is left out that
had no outcome yet, and it is safe at any moment between two runs of the processors. An order's newest entry that
`replay --order` asked for is applied all the same, where it was not yet.
"""

from dataclasses import dataclass, replace

from confluent_kafka import KafkaException, TopicPartition

from operations.group_reads import Position
from operations.kafka_reads import KafkaReads
from operations.output import Refused
from runtime.client_errors import told_by
from runtime.offsets import GroupOffsets
from schemas.progress import Progress


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a replay: about how many entries, and from where to go on, as `--from-offset` takes it."""

    entries: int
    from_offset: str


def replay_rest(reads: KafkaReads) -> Rest:
    """Return what is left; no entries and "" where no replay is under way."""
    return _rest(reads, reads.positions())


def stop_replay(reads: KafkaReads) -> Rest:
    """End it, and return what was left; Refused while processors are alive, the broker refuses beside them, too."""
    reads.refuse_beside_processors()
    positions = reads.positions()
    ended = [
        TopicPartition(reads.topics.journal, one.partition, one.committed, replace(told, replay_until=0).encode())
        for one, told in _marked(positions)
    ]
    if ended:
        offsets = GroupOffsets(reads.settings, reads.settings.group_id)
        try:
            offsets.move(ended)
        except KafkaException as error:
            raise Refused(
                f"Kafka did not end the replay ({told_by(error)}): did a processor start? Stop them and run this again"
            ) from None
        finally:
            offsets.close()
    return _rest(reads, positions)


def _rest(reads: KafkaReads, positions: list[Position]) -> Rest:
    left = ",".join(f"{one.partition}:{one.next}" for one, _ in _marked(positions))
    return Rest(reads.waiting(positions)[1] if left else 0, left)


def _marked(positions: list[Position]) -> list[tuple[Position, Progress]]:
    """The partitions whose replay is not through."""
    told = [(one, one.progress) for one in positions if one.progress is not None]
    return [(one, progress) for one, progress in told if progress.replay_until > one.next]
