"""The processors' and producers' groups: who is alive, who owns what, how far the journal is done."""

from dataclasses import dataclass

from confluent_kafka import TopicPartition

from operations.output import Refused
from operations.topic_reads import SECONDS, TopicReads
from runtime.group_members import GroupMembers, Member
from runtime.offsets import GroupOffsets
from schemas.progress import Progress, read_progress


@dataclass(frozen=True, slots=True)
class Position:
    """A partition's log and how far the group is; committed -1 = nowhere yet, `progress` None = not told by us."""

    partition: int
    first: int
    end: int
    committed: int
    progress: Progress | None

    @property
    def next(self) -> int:
        """The offset the group reads next."""
        return max(self.committed, self.first)

    @property
    def replay_until(self) -> int:
        """The offset up to which entries are applied again, 0 = no replay was asked for."""
        return self.progress.replay_until if self.progress is not None else 0

    @property
    def lag(self) -> int:
        """Offsets still to be read; transaction markers count, so a few may stay."""
        return max(0, self.end - self.next)


class GroupReads(TopicReads):
    """Readers of both groups."""

    _offsets: GroupOffsets | None = None
    _members: GroupMembers | None = None

    def close(self) -> None:
        """End the connections."""
        if self._offsets is not None:
            self._offsets.close()
        if self._members is not None:
            self._members.close()
        super().close()

    def positions(self) -> list[Position]:
        """Return how far the processors' group is in the journal."""
        ends = self.log_ends(self.topics.journal)
        asked = [TopicPartition(self.topics.journal, number) for number in ends]
        self._offsets = self._offsets or GroupOffsets(self.settings, self.settings.group_id)
        committed = self._offsets.read(asked, SECONDS)
        return [
            Position(
                part.partition,
                *ends[part.partition],
                part.offset if part.offset >= 0 else -1,
                read_progress(part.metadata) if part.offset >= 0 else None,
            )
            for part in sorted(committed, key=lambda part: part.partition)
        ]

    def members(self, group_id: str) -> list[Member]:
        """Return a group's live members; [] for a group that does not exist."""
        self._members = self._members or GroupMembers(self.settings)
        return self._members.ask(group_id, SECONDS)

    def processors(self) -> list[Member]:
        """Return the live processors."""
        return self.members(self.settings.group_id)

    def refuse_beside_processors(self) -> None:
        """Raise Refused while the processors' group has members."""
        if members := self.processors():
            raise Refused(
                f"{len(members)} processors of {self.settings.group_id} are running: stop them, run this again, start"
                f" them (a killed one counts for {self.settings.session_timeout_ms / 1000:.0f} s)"
            )

    def producers(self) -> list[Member]:
        """Return the live producers; the one with a partition leads."""
        return self.members(f"{self.settings.topic_prefix}-producer")
