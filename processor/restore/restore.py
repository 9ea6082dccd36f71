"""Assigned partitions on their way in: ledger rebuilt, position and replay mark known, before the first entry is taken.

`poll` does a little at a time and never waits: rows come by a consumer of no group, positions are asked for on a
thread of their own.
"""

from collections.abc import Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.restore.positions import Found, find_positions, judge
from processor.restore.topic_identity import TopicWatch
from runtime.client_errors import describe
from runtime.compacted_reader import CompactedReader
from runtime.logging import get_logger
from schemas.topics import Topics, parse_order_key

LOAD_ROWS, LOAD_SECONDS, AGAIN_SECONDS = 10_000, 0.05, 0.1

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Loading:
    """`found` = its position, once that is known; its rows are then read to the end once more."""

    number: int
    assigned_at: float
    found: Found | None = None


class Restore:
    """`member` knows the group's offsets, `rows` reads the ledger's topic, `identity` knows the topics of the start."""

    def __init__(
        self,
        member: Consumer,
        admin: AdminClient,
        topics: Topics,
        rows: CompactedReader,
        ledger: Ledger,
        identity: TopicWatch,
    ) -> None:
        self._member, self._admin, self._topics = member, admin, topics
        self._rows, self._ledger, self._identity = rows, ledger, identity
        self._loading: dict[int, _Loading] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="restore")
        self._asked: tuple[Future[list[Found]], list[_Loading]] | None = None
        self._ask_at = float("-inf")

    @property
    def numbers(self) -> set[int]:
        """The partitions that are not ready yet."""
        return set(self._loading)

    @property
    def loading(self) -> bool:
        """Whether some partition is not ready yet."""
        return bool(self._loading)

    def begin(self, partitions: Set[int], now: float) -> None:
        """Note newly assigned partitions, which the consumer holds paused until they are ready; PartitionsChanged."""
        self._identity.check(partitions)
        for number in partitions:
            self._ledger.open(number)
            self._loading[number] = _Loading(number, now)
        self._rows.open(partitions)

    def drop(self, partitions: Set[int]) -> None:
        """Forget partitions, loading or ready."""
        self._rows.drop(partitions & self._loading.keys())
        for number in partitions:
            self._loading.pop(number, None)
            self._ledger.drop(number)

    def poll(self, now: float) -> Iterator[Partition]:
        """Load some more; return the partitions that became ready."""
        if not self._loading:
            return
        self._take_positions()
        self._load(now)
        reached = [one for one in self._loading.values() if self._rows.has_reached(one.number)]
        unknown = [one for one in reached if one.found is None]
        if unknown and self._asked is None and now >= self._ask_at:
            self._ask_at = now + AGAIN_SECONDS
            numbers = [one.number for one in unknown]
            ask = self._thread.submit(find_positions, self._member, self._admin, self._topics, numbers)
            self._asked = ask, unknown
        for loading in reached:
            if loading.found is not None:
                yield self._ready(loading, loading.found)

    def close(self) -> None:
        """Wait for a question under way, at most some seconds."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _load(self, now: float) -> None:
        rows: dict[int, list[tuple[int, bytes | None]]] = {}
        for row in self._rows.poll(now, 0.0 if self._rows.reached else LOAD_SECONDS, LOAD_ROWS):
            if row.partition not in self._loading:
                continue
            try:
                rows.setdefault(row.partition, []).append((parse_order_key(row.key), row.value))
            except ValueError:
                log.warning("a ledger row without an order id is left out", partition=row.partition, offset=row.offset)
        for number, found in rows.items():
            self._ledger.load(number, found)

    def _take_positions(self) -> None:
        if self._asked is None or not self._asked[0].done():
            return
        answer, asked = self._asked
        self._asked = None
        try:
            found = answer.result()
        except KafkaException as error:
            log.info("the committed offsets are not known yet; asking again", error=describe(error))
            return
        for loading, here in zip(asked, found, strict=True):
            if self._loading.get(loading.number) is loading:  # it was not given up meanwhile
                loading.found = here
                # rows of the transaction that was waited for may lie beyond the end that was known before
                self._rows.ask_again([loading.number])

    def _ready(self, loading: _Loading, found: Found) -> Partition:
        del self._loading[loading.number]
        self._rows.drop([loading.number])
        self._identity.expect(self._topics.journal, found.topic_id)
        rows = self._ledger.count(loading.number)
        newest = self._ledger.newest(loading.number) if found.committed < found.low else None
        progress, position, new_gap = judge(found, newest)
        return Partition(
            loading.number,
            found.topic_id,
            loading.assigned_at,
            position,
            progress,
            new_gap=new_gap,
            rows=rows,
            rows_lost=found.committed > 0 and rows == 0,
        )
