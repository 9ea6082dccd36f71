"""What a session holds of its partitions. All of it goes with them; nothing of a partition outlives its revocation."""

from dataclasses import dataclass, field

from processor.commit.transaction import Batch
from processor.consume.decode import Undecodable
from processor.job import Entry, Job, Jobs, Raw
from processor.record.dead_letters import Deaths
from processor.restore.restore import Partition


@dataclass(slots=True)
class Holdings:
    """Owned by the main thread alone. `deferred` = taken from the queues, not yet admitted."""

    deaths: Deaths
    partitions: dict[int, Partition] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
    batch: Batch = field(default_factory=Batch)
    deferred: list[Entry | Undecodable] = field(default_factory=list)

    def drop(self, numbers: set[int]) -> list[Job]:
        """Forget these partitions; return their unfinished jobs."""
        for number in numbers:
            self.partitions.pop(number, None)
        self.deferred = [entry for entry in self.deferred if entry.raw.partition not in numbers]
        self.batch.drop(numbers)
        self.deaths.drop(numbers)
        return self.jobs.abandon(numbers)

    def pass_over(self, raw: Raw) -> None:
        """The ledger says that this entry was done before."""
        self.partitions[raw.partition].tracker.done(raw.offset)
        self.batch.touched.add(raw.partition)

    @property
    def idle(self) -> bool:
        """Whether everything that was taken has its outcome in Kafka."""
        return not (self.jobs or self.deferred or self.batch or self.deaths.held)
