"""Rows, dead letters and offsets in one Kafka transaction at a time, on a thread of its own.

Every transaction carries the offset of each partition it writes for, moved or not: the broker checks a member's
generation only when offsets are sent, and rows alone would slip through from a member long replaced. The group's
metadata are taken when a transaction is begun, on the thread that polls: later ones could vouch for partitions that
were given away meanwhile.
"""

import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from confluent_kafka import TopicPartition

from processor.commit.offset_tracker import OffsetTracker
from processor.commit.policy import CommitPolicy
from processor.dead_letters import fitting
from processor.errors import TopicReplaced
from processor.job import Job, Raw
from processor.ledger_rows import intent_row
from processor.partition import Partition
from processor.values import Acknowledged, Intent, Passed, Recorded, Released
from runtime.logging import get_logger
from runtime.refusals import Refusals
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage
from schemas.codec import Codec
from schemas.records import DeadLetter, Delivery
from schemas.topics import Topics, order_key

MOST_REFUSED = 20

log = get_logger(__name__)


class Writer(Protocol):
    """One transactional producer; `runtime.transaction.TransactionalWriter`."""

    def open(self) -> None:
        """Make the producer; KafkaException."""

    def write(self, messages: list[OutgoingMessage], offsets: list[TopicPartition], metadata: Any) -> None:
        """Write all of it or nothing; NotCommitted = try again, Fenced = never again."""


@dataclass(slots=True)
class _Batch:
    """What one transaction holds. `trackers` are those of the assignments that it was made under."""

    rows: dict[int, tuple[int, bytes | None]] = field(default_factory=dict)  # order id → partition, encoded row
    intents: list[tuple[Intent, bytes]] = field(default_factory=list)
    letters: list[tuple[Raw, DeadLetter]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    trackers: dict[int, OffsetTracker] = field(default_factory=dict)
    began: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.rows or self.letters or self.touched)

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Leave out what belongs to other partitions than the wanted ones."""
        self.rows = {order: found for order, found in self.rows.items() if wanted(found[0])}
        self.intents = [one for one in self.intents if wanted(one[0].job.partition)]
        self.letters = [(raw, letter) for raw, letter in self.letters if wanted(raw.partition)]
        self.touched = {number for number in self.touched if wanted(number)}


class Commit:
    """`metadata` = the group's, as the consumer has them."""

    def __init__(
        self, writer: Writer, metadata: Callable[[], Any], topics: Topics, codec: Codec, refusals: Refusals
    ) -> None:
        self._writer, self._metadata, self._topics, self._codec = writer, metadata, topics, codec
        self._refusals, self._policy = refusals, CommitPolicy()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._partitions: dict[int, Partition] = {}
        self._trackers: dict[int, OffsetTracker] = {}
        self._batch = _Batch()
        self._under_way: tuple[Future[None], _Batch] | None = None
        self._dead_streak = 0
        self._refused_in_a_row = 0

    @property
    def room(self) -> int:
        """As much as comes."""
        return 1

    @property
    def doubted(self) -> bool:
        """Whether the last transaction was rejected: what is sent now perhaps can't be recorded."""
        return self._refusals.doubted

    @property
    def idle(self) -> bool:
        """Whether everything that was handed in is in Kafka."""
        return self._under_way is None and not self._batch

    @property
    def partitions(self) -> set[int]:
        """Those that are worked on."""
        return set(self._partitions)

    def unfinished(self, partition: int) -> int:
        """How many entries of a partition were taken and have no outcome."""
        return self._trackers[partition].unfinished

    def open(self) -> None:
        """Make the producer; KafkaException."""
        self._writer.open()

    def assign(self, partition: Partition) -> None:
        """Begin with a partition, at the position where it was left."""
        self._partitions[partition.number] = partition
        self._trackers[partition.number] = OffsetTracker(partition.position)
        self._dead_streak = max(self._dead_streak, partition.progress.dead_streak)
        if partition.new_gap:
            self._batch.touched.add(partition.number)

    def start(self, raw: Raw) -> None:
        """An entry was taken: no offset beyond it is committed before it has its outcome. TopicReplaced."""
        try:
            self._trackers[raw.partition].start(raw.offset)
        except ValueError as error:  # another log under the same name, which the watch has not seen yet
            raise TopicReplaced(f"the topic {self._topics.journal} was recreated: {error}") from None

    def submit(self, item: Recorded | Passed | Intent | Released) -> None:
        """Take in what the next transaction must hold."""
        if isinstance(item, Intent):
            here = self._partitions[item.job.partition]
            value = self._codec.encode(intent_row(item.job, item.contact_id, here.topic_id, datetime.now(UTC)))
            self._put(item.job, value)
            self._batch.intents.append((item, value))
        elif isinstance(item, Released):
            self.rewrite(item.job, item.job.row)
        elif isinstance(item, Passed):
            self._done(item.raw)
        else:
            self._dead_streak = item.dead_streak
            if item.job is not None:
                self._put(item.job, item.value)
            self._batch.letters += item.letters
            for raw in item.raws:
                self._done(raw)

    def rewrite(self, job: Job, row: Delivery | None) -> None:
        """Write an order's row as it was: to take an intent back, or to find out whether Kafka accepts rows again."""
        self._put(job, self._codec.encode(row) if row is not None else None)

    def poll(self, now: float, at_once: bool = False) -> Iterator[Acknowledged]:
        """Take in what became of the last transaction, and begin the next one when it is due; Fenced."""
        self._refusals.turn(now)
        if self._under_way is not None and self._under_way[0].done():
            future, batch = self._under_way
            self._under_way = None
            yield from self._ended(now, future, batch)
        if self._under_way is not None or not self._batch:
            return
        if at_once or self._policy.due(now, len(self._batch.rows), len(self._batch.intents)):
            self._begin(now)

    def join(self, seconds: float) -> None:
        """Wait for the transaction under way, at most so long."""
        if self._under_way is not None:
            wait([self._under_way[0]], seconds)

    def revoke(self, partitions: Set[int]) -> None:
        """Nothing is dropped: what was handed in has its outcome, and is to be committed still."""

    def lose(self, partitions: Set[int]) -> None:
        """Forget these partitions, and what is not in Kafka yet."""
        for number in partitions:
            self._partitions.pop(number, None)
            self._trackers.pop(number, None)
        self._batch.keep(lambda number: number not in partitions)

    def close(self) -> None:
        """Begin nothing more; a transaction under way ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _put(self, job: Job, value: bytes | None) -> None:
        self._batch.rows[job.order_id] = (job.partition, value)
        self._batch.touched.add(job.partition)

    def _done(self, raw: Raw) -> None:
        self._trackers[raw.partition].done(raw.offset)
        self._batch.touched.add(raw.partition)

    def _begin(self, now: float) -> None:
        batch, self._batch = self._batch, _Batch()
        batch.trackers, batch.began = dict(self._trackers), now
        self._policy.began(now)
        messages, offsets = self._messages(batch), self._offsets(batch)
        metadata = self._metadata()
        self._under_way = self._thread.submit(self._writer.write, messages, offsets, metadata), batch

    def _messages(self, batch: _Batch) -> list[OutgoingMessage]:
        rows = [
            OutgoingMessage(self._topics.deliveries, number, order_key(order_id), value)
            for order_id, (number, value) in batch.rows.items()
        ]
        letters = []
        for raw, letter in batch.letters:
            value, headers = fitting(raw, letter)
            key = f"{raw.partition}/{raw.offset}".encode()
            letters.append(OutgoingMessage(self._topics.dead_letters, raw.partition, key, value, tuple(headers)))
        return rows + letters

    def _offsets(self, batch: _Batch) -> list[TopicPartition]:
        at = int(time.time())
        offsets = []
        for number in sorted(batch.touched):
            position = self._trackers[number].committable
            if position is None:
                raise AssertionError(f"no offset for partition {number}: nothing may be written for it")
            progress = replace(self._partitions[number].progress, dead_streak=self._dead_streak, at=at)
            offsets.append(TopicPartition(self._topics.journal, number, position, progress.encode()))
        return offsets

    def _ended(self, now: float, future: Future[None], batch: _Batch) -> Iterator[Acknowledged]:
        error = future.exception()
        if error is None:
            self._refused_in_a_row = 0
            self._refusals.accepted()
            self._keep_current(batch)
            for intent, value in batch.intents:
                yield Acknowledged(intent, batch.began, value)
            return
        if isinstance(error, Fenced):
            self._refusals.rejected(str(error), now)
            raise error
        if not isinstance(error, NotCommitted):
            raise error
        self._refusals.rejected(str(error), now)
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= MOST_REFUSED:
            raise Fenced(f"{self._refused_in_a_row} transactions in a row were rejected: {error}") from error
        self._policy.refused(now)
        self._take_back(batch)

    def _keep_current(self, batch: _Batch) -> None:
        """Leave out what belongs to an assignment that has ended, also where the partition was given back since."""
        batch.keep(lambda number: self._trackers.get(number) is batch.trackers.get(number, self))

    def _take_back(self, batch: _Batch) -> None:
        """Of a refused transaction, all that still belongs to the same assignment goes into the next one."""
        self._keep_current(batch)
        self._batch.rows = batch.rows | self._batch.rows
        self._batch.intents = batch.intents + self._batch.intents
        self._batch.letters = batch.letters + self._batch.letters
        self._batch.touched |= batch.touched
