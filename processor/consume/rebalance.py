"""The group's callbacks: partitions come (paused, until their ledger is there), and go with all that is held of them.

Revoked: what was not sent is dropped, calls under way are waited for up to one shared deadline, what has an outcome is
committed. Lost: nothing is committed.
"""

from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clients.pacing import processor_share
from processor.consume.source import Intake
from processor.deliver.lease import Lease
from processor.deliver.stage import Deliver
from processor.holdings import Holdings
from processor.job import Job, Step
from processor.parts import Parts
from processor.restore.restore import Assignment, Partition
from processor.restore.topic_identity import TopicWatch
from processor.stops import Stops
from runtime.assignment_known import GroupWord
from runtime.kafka import give_back, take_paused
from runtime.logging import get_logger
from schemas.records import Delivery

AFTER_TIMEOUT_SECONDS = 5.0

log = get_logger(__name__)


class Membership:
    """`write` commits the batch, and says whether Kafka took it."""

    def __init__(
        self,
        parts: Parts,
        holdings: Holdings,
        assignment: Assignment,
        intake: Intake,
        deliver: Deliver,
        stops: Stops,
        lease: Lease,
        watch: TopicWatch,
        encode: Callable[[Delivery | None], bytes | None],
        write: Callable[[], bool],
    ) -> None:
        self._word: GroupWord = parts.group_word
        self._parts, self._holdings, self._assignment, self._intake = parts, holdings, assignment, intake
        self._deliver, self._stops, self._lease, self._watch = deliver, stops, lease, watch
        self._encode, self._write = encode, write
        self._owned: set[int] = set()
        self._over = False
        self.trouble: Exception | None = None  # found in a callback, for the loop to raise

    def join(self) -> None:
        """Subscribe; from now on the callbacks run inside the consumer's poll."""
        self._parts.consumer.subscribe(
            [self._parts.topics.journal], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def leave(self) -> None:
        """Do nothing any more when the group calls."""
        self._over = True

    @property
    def settled(self) -> bool:
        """Whether the group has given its word, and all that was given is being worked on."""
        return self._word.given and not self._assignment.loading

    @property
    def loading(self) -> bool:
        """Whether some partition's ledger is being read."""
        return self._assignment.loading

    def step(self) -> None:
        """Load ledgers on, and begin with partitions that are ready."""
        if self._assignment.loading:
            for partition in self._assignment.step():
                self._begin(partition)
        why = "partitions are being loaded" if self._word.given else "waiting for the group to hand out partitions"
        self._parts.health.set_ready("assignment", self.settled, why)

    def finish(self, numbers: set[int]) -> None:
        """Drop what was not sent, wait for calls under way, commit what has an outcome."""
        deadline = self._parts.clock() + self._parts.limits.create_timeout_seconds + AFTER_TIMEOUT_SECONDS
        mine = [job for job in self._holdings.jobs if job.partition in numbers]
        for number in numbers:
            self._intake.drop(number)
        self._holdings.deaths.drop(numbers)  # before a reply lets them go: their entries come again
        self._drop_unsent([job for job in mine if not job.in_call])
        while self._parts.clock() < deadline and any(job.in_call for job in mine):
            self._lease.turn()
            self._parts.health.turn()
            self._deliver.collect(0.05)
        self._drop_unsent([job for job in mine if not job.in_call and not job.abandoned and job.step is not Step.DONE])
        self._holdings.deaths.drop(numbers)  # what died meanwhile
        for _ in range(3):
            if not self._holdings.batch or self._write():
                break

    def begin_anew(self) -> None:
        """Give all work up without leaving: what was not sent comes again, from the ledger and the group's offsets."""
        numbers = set(self._holdings.partitions)
        self.finish(numbers)
        if numbers:
            self._parts.consumer.pause([TopicPartition(self._parts.topics.journal, number) for number in numbers])
        self._forget(numbers)
        self._assignment.begin(numbers)

    def _forget(self, numbers: set[int]) -> None:
        for number in numbers:
            self._intake.drop(number)
        self._deliver.abandon(self._holdings.drop(numbers))
        self._stops.dropped()
        self._assignment.drop(numbers)

    def _drop_unsent(self, jobs: list[Job]) -> None:
        """Their entries come again, to the next owner. Where an intent was written but nothing on it, it is taken back.

        The order's row becomes what it was, so that nobody has to wait for a create that never was.
        """
        batch = self._holdings.batch
        for job in jobs:
            job.abandoned = True
            if job.intended_at is not None and not job.uncertain and job.settle_until == 0:
                batch.rows[job.order_id] = (job.partition, self._encode(job.row))
                batch.touched.add(job.partition)
        self._deliver.abandon(jobs)
        batch.intents = [job for job in batch.intents if not job.abandoned]

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        log.info("partitions assigned", partitions=sorted(numbers))
        take_paused(consumer, partitions, self._parts.cooperative)
        self._word.told()
        try:
            self._watch.check(numbers)
        except Exception as error:
            self.trouble = error
            return
        self._owned |= numbers
        self._assignment.begin(numbers)
        self._share()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over:
            return
        numbers = {partition.partition for partition in partitions}
        log.info("partitions revoked", partitions=sorted(numbers))
        self.finish(numbers)
        self._give_up(consumer, partitions, numbers)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over:
            return
        numbers = {partition.partition for partition in partitions}
        self._word.lost()
        log.warning("partitions lost: nothing of theirs is committed", partitions=sorted(numbers))
        self._give_up(consumer, partitions, numbers)

    def _give_up(self, consumer: Consumer, partitions: list[TopicPartition], numbers: set[int]) -> None:
        self._owned -= numbers
        self._forget(numbers)
        self._share()
        give_back(consumer, partitions, self._parts.cooperative)
        if not self._parts.cooperative:
            self._word.lost()  # all were taken; which come back is not known yet

    def _begin(self, partition: Partition) -> None:
        number, deaths = partition.number, self._holdings.deaths
        here = TopicPartition(self._parts.topics.journal, number, partition.tracker.committable or 0)
        try:
            self._parts.consumer.seek(here)
        except KafkaException:  # not fetching yet: its start is set when it does
            self._assignment.begin({number})
            return
        self._watch.expect(self._parts.topics.journal, partition.topic_id)
        self._holdings.partitions[number] = partition
        if partition.must_tell:
            self._holdings.batch.touched.add(number)
            self._parts.metrics.gaps.inc()
        # one short of the limit: the next dead letter is held, so a restart loop drains nothing, and a delivery goes on
        before = min(partition.progress.dead_streak, self._parts.dead_letter_limit - 1)
        deaths.restore(before)
        self._intake.open(number, partition.progress.replay_until, here.offset)
        self._parts.consumer.resume([here])
        log.info("partition ready", partition=number, offset=here.offset, ledger_rows=self._assignment.rows(number))

    def _share(self) -> None:
        parts = self._parts
        parts.pacer.set_rate(
            processor_share(parts.budget, parts.poll_interval_seconds, len(self._owned), parts.partitions)
        )
