"""The owned partitions: ledger rebuilt, committed position and replay mark read, before the first entry is taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.commit.offset_tracker import OffsetTracker
from processor.restore.ledger import Ledger
from runtime.client_errors import describe
from runtime.end_offsets import ask_ends, resolve_end, watermarks
from runtime.logging import get_logger
from runtime.topic_identity import topic_id
from schemas.progress import Gap, Progress, read_progress
from schemas.topics import Topics, parse_order_key

LOAD_MESSAGES = 10_000
ASK_SECONDS = 2.0
GAP_MARGIN = timedelta(days=33)  # what lay unread at the last commit may be as old as the topic and the journal keep
GAP_REMEMBERED_SECONDS = 40 * 86_400

log = get_logger(__name__)


@dataclass(slots=True)
class Partition:
    """One owned partition of the journal, ready to be worked on.

    `must_tell` = its progress says something new. `rows_lost` = entries were done, and no row is left of them: intents
    may have been among these.
    """

    number: int
    topic_id: str
    assigned_at: float
    tracker: OffsetTracker
    progress: Progress
    must_tell: bool = False
    rows_lost: bool = False


@dataclass(slots=True)
class _Loading:
    number: int
    assigned_at: float
    end: int | None = None
    read_to: int = 0  # the last end of the partition that the loader came to; it is told of each only once

    @property
    def reached(self) -> bool:
        return self.end is not None and self.read_to >= self.end


class Assignment:
    """Partitions on their way in. `step` does a little and returns those that are ready; it never blocks for long."""

    def __init__(
        self,
        consumer: Consumer,
        loader: Consumer,
        admin: AdminClient,
        ledger: Ledger,
        topics: Topics,
        clock: Callable[[], float],
    ) -> None:
        self._consumer, self._loader, self._admin = consumer, loader, admin
        self._ledger, self._topics, self._clock = ledger, topics, clock
        self._loading: dict[int, _Loading] = {}

    @property
    def loading(self) -> bool:
        """Whether some partition is not ready yet."""
        return bool(self._loading)

    def begin(self, partitions: set[int]) -> None:
        """Note newly owned partitions; the consumer holds them paused until they are ready."""
        for number in partitions:
            self._ledger.open(number)
            self._loading[number] = _Loading(number, self._clock())
        self._assign_loader()

    def rows(self, number: int) -> int:
        """How many orders the ledger of a partition knows."""
        return self._ledger.count(number)

    def drop(self, partitions: set[int]) -> None:
        """Forget partitions, loading or ready."""
        for number in partitions:
            self._loading.pop(number, None)
            self._ledger.drop(number)
        self._assign_loader()

    def step(self) -> list[Partition]:
        """Load on; return the partitions that became ready."""
        self._find_ends([loading for loading in self._loading.values() if loading.end is None])
        if any(not loading.reached for loading in self._loading.values()):
            self._load()
        ready = self._positions([loading for loading in self._loading.values() if loading.reached])
        for partition in ready:
            del self._loading[partition.number]
        if ready:
            self._assign_loader()
        return ready

    def _assign_loader(self) -> None:
        wanted = set(self._loading)
        held = {partition.partition for partition in self._loader.assignment()}
        if gone := held - wanted:
            self._loader.incremental_unassign([TopicPartition(self._topics.deliveries, number) for number in gone])
        if new := wanted - held:
            self._loader.incremental_assign(
                [TopicPartition(self._topics.deliveries, number, OFFSET_BEGINNING) for number in new]
            )

    def _find_ends(self, unknown: list[_Loading]) -> bool:
        """Ask where the rows end; whether it was told for all of them."""
        # the true ends: the last stable offset hides the rows of a killed member's open transaction
        if not unknown:
            return True
        topic = self._topics.deliveries
        answers = ask_ends(self._admin, topic, [loading.number for loading in unknown], ASK_SECONDS)
        for loading in unknown:
            try:
                # the client was seen never to answer after a broker's sleep: nobody waits for ever
                loading.end = resolve_end(self._admin, answers[loading.number], 2 * ASK_SECONDS)
            except (KafkaException, TimeoutError) as error:
                log.warning("the ledger's end is not known yet; asking again", error=describe(error))
                return False
        return True

    def _load(self) -> None:
        rows: dict[int, list[tuple[int, bytes | None]]] = {}
        messages = self._loader.consume(LOAD_MESSAGES, 0.05)
        for message in messages:
            number, error = message.partition(), message.error()
            loading = self._loading.get(number) if number is not None else None
            if loading is None or number is None:
                continue
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    loading.read_to = max(loading.read_to, message.offset() or 0)
                continue
            key, value = message.key(), message.value()
            try:
                order_id = parse_order_key(key if isinstance(key, bytes) else None)
            except ValueError:
                log.warning("a ledger row without an order id is left out", partition=number, offset=message.offset())
                continue
            rows.setdefault(number, []).append((order_id, value if isinstance(value, bytes) else None))
        for number, found in rows.items():
            self._ledger.load(number, found)

    def _positions(self, reached: list[_Loading]) -> list[Partition]:
        if not reached:
            return []
        asked = [TopicPartition(self._topics.journal, loading.number) for loading in reached]
        ready = []
        try:
            identity = topic_id(self._admin, self._topics.journal)
            committed: list[Any] = self._consumer.committed(asked, timeout=ASK_SECONDS)
            if wrong := next((found.error for found in committed if found.error is not None), None):
                raise KafkaException(wrong)
            # rows of the transaction that was waited for may lie beyond the end that was asked for before
            if not self._find_ends(reached):
                return []
            for loading, found in zip(reached, committed, strict=True):
                if not loading.reached:
                    continue
                low, high = watermarks(self._consumer, self._topics.journal, loading.number, ASK_SECONDS)
                ours = read_progress(found.metadata) if found.offset >= 0 else None
                progress, position = self._judge(loading.number, found.offset, ours, identity, low, high)
                ready.append(
                    Partition(
                        loading.number,
                        identity,
                        loading.assigned_at,
                        OffsetTracker(position),
                        progress,
                        must_tell=progress.gap is not None and (ours is None or ours.gap != progress.gap),
                        rows_lost=found.offset > 0 and self._ledger.count(loading.number) == 0,
                    )
                )
        except (KafkaException, TimeoutError) as error:
            # a killed member's open transaction hides the offsets until it times out: wait, don't guess
            log.info("the committed offsets are not known yet; asking again", error=describe(error))
        return ready

    def _judge(
        self, number: int, committed: int, ours: Progress | None, identity: str, low: int, high: int
    ) -> tuple[Progress, int]:
        """Return what is known of a partition, and the offset to go on from."""
        if committed < 0:
            progress = Progress(identity)
            return (self._with_gap(number, progress, committed, low) if low > 0 else progress), low
        if ours is None:
            log.warning(
                "another tool moved the group's offset: entries up to here are applied again",
                partition=number,
                offset=committed,
                replay_until=high,
            )
            return Progress(identity, replay_until=high), max(low, committed)
        if (ours.topic_id and ours.topic_id != identity) or committed > high:
            log.warning("the journal topic was made anew: reading it from its start", partition=number)
            return Progress(identity, dead_streak=ours.dead_streak, gap=ours.gap), low
        progress = replace(ours, topic_id=identity)
        if committed < low:
            progress = self._with_gap(number, progress, committed, low)
        return progress, max(low, committed)

    def _with_gap(self, number: int, progress: Progress, committed: int, low: int) -> Progress:
        """Entries expired before they were read: note since when, for the producer closes the gap from the orders."""
        newest = self._ledger.newest(number)
        known = [progress.at] if progress.at else []
        if newest is not None:
            known.append(int(newest.timestamp()))
        since = min(known) - int(GAP_MARGIN.total_seconds()) if known else 0
        if progress.gap is not None and _noted_lately(progress.gap):  # perhaps not closed yet
            since = min(since, progress.gap.since)
        # where nothing is known of what was before, everything since the first start may be concerned: 0
        gap = Gap(f"{number}@{int(time.time() * 1000)}", since)
        log.error(
            "journal gap: entries expired before they were read; the producer brings their orders by date",
            partition=number,
            committed=committed,
            first=low,
            since=gap.since,
        )
        return replace(progress, gap=gap)


def _noted_lately(gap: Gap) -> bool:
    noted_at = gap.gap_id.rpartition("@")[2]
    return not noted_at.isdigit() or time.time() - int(noted_at) / 1000 < GAP_REMEMBERED_SECONDS
