"""Assigned partitions on their way in: ledger rebuilt, position and replay mark known, before the first entry is taken.

`poll` does a little at a time and never waits: rows come by a consumer of no group, positions are asked for on a
thread of their own.
"""

from collections.abc import Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.restore.positions import Found, find_positions, judge
from processor.restore.topic_identity import TopicWatch
from runtime.client_errors import describe
from runtime.end_offsets import find_ends
from runtime.logging import get_logger
from schemas.topics import Topics, parse_order_key

LOAD_MESSAGES = 10_000
ASK_SECONDS, AGAIN_SECONDS = 2.0, 0.1

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Loading:
    """`end` = where its rows end, None = unknown; `read_to` = the last end that the loader came to."""

    number: int
    assigned_at: float
    end: int | None = None
    read_to: int = 0

    @property
    def reached(self) -> bool:
        return self.end is not None and self.read_to >= self.end


class Restore:
    """`member` knows the group's offsets; `loader` is in no group; `identity` knows the topics that were joined."""

    def __init__(
        self,
        member: Consumer,
        loader: Consumer,
        admin: AdminClient,
        topics: Topics,
        ledger: Ledger,
        identity: TopicWatch,
    ) -> None:
        self._member, self._loader, self._admin, self._topics = member, loader, admin, topics
        self._ledger, self._identity = ledger, identity
        self._loading: dict[int, _Loading] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="restore")
        self._ends: tuple[Future[dict[int, int]], list[_Loading]] | None = None
        self._positions: tuple[Future[list[Found]], list[_Loading]] | None = None
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
        """Note newly assigned partitions; the consumer holds them paused until they are ready. NeedsOperator."""
        self._identity.check(partitions)
        for number in partitions:
            self._ledger.open(number)
            self._loading[number] = _Loading(number, now)
        self._assign_loader()

    def drop(self, partitions: Set[int]) -> None:
        """Forget partitions, loading or ready."""
        for number in partitions:
            self._loading.pop(number, None)
            self._ledger.drop(number)
        self._assign_loader()

    def poll(self, now: float) -> Iterator[Partition]:
        """Load some more; return the partitions that became ready."""
        if not self._loading:
            return
        self._take_ends()
        ready = list(self._take_positions())
        if any(not loading.reached for loading in self._loading.values()):
            self._load()
        if now >= self._ask_at:
            self._ask_at = now + AGAIN_SECONDS
            self._ask()
        if ready:
            self._assign_loader()
        yield from ready

    def close(self) -> None:
        """Wait for a question under way, at most some seconds."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _assign_loader(self) -> None:
        wanted = set(self._loading)
        held = {partition.partition for partition in self._loader.assignment()}
        if gone := held - wanted:
            self._loader.incremental_unassign([TopicPartition(self._topics.deliveries, number) for number in gone])
        if new := wanted - held:
            self._loader.incremental_assign(
                [TopicPartition(self._topics.deliveries, number, OFFSET_BEGINNING) for number in new]
            )

    def _ask(self) -> None:
        """Ask for the true ends of the rows (the last stable offset hides an open transaction's), or for positions."""
        if self._ends is not None or self._positions is not None:
            return
        unknown = [loading for loading in self._loading.values() if loading.end is None]
        reached = [loading for loading in self._loading.values() if loading.reached]
        if unknown:
            numbers = [loading.number for loading in unknown]
            ends = self._thread.submit(find_ends, self._admin, self._topics.deliveries, numbers, ASK_SECONDS)
            self._ends = ends, unknown
        elif reached:
            numbers = [loading.number for loading in reached]
            found = self._thread.submit(find_positions, self._member, self._admin, self._topics, numbers)
            self._positions = found, reached

    def _take_ends(self) -> None:
        if self._ends is None or not self._ends[0].done():
            return
        answer, asked = self._ends
        self._ends = None
        try:
            ends = answer.result()
        except (KafkaException, TimeoutError) as error:
            log.warning("the ledger's end is not known yet; asking again", error=describe(error))
            return
        for loading in asked:
            loading.end = ends[loading.number]

    def _load(self) -> None:
        rows: dict[int, list[tuple[int, bytes | None]]] = {}
        for message in self._loader.consume(LOAD_MESSAGES, 0.05):
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

    def _take_positions(self) -> Iterator[Partition]:
        if self._positions is None or not self._positions[0].done():
            return
        answer, asked = self._positions
        self._positions = None
        try:
            found = answer.result()
        except (KafkaException, TimeoutError) as error:
            log.info("the committed offsets are not known yet; asking again", error=describe(error))
            return
        yield from self._ready(asked, found)

    def _ready(self, asked: Sequence[_Loading], found: Sequence[Found]) -> Iterator[Partition]:
        for loading, here in zip(asked, found, strict=True):
            if self._loading.get(loading.number) is not loading:
                continue  # given up meanwhile
            loading.end = here.ledger_end
            if not loading.reached:
                continue
            del self._loading[loading.number]
            self._identity.expect(self._topics.journal, here.topic_id)
            rows = self._ledger.count(loading.number)
            newest = self._ledger.newest(loading.number) if here.committed < here.low else None
            progress, position, new_gap = judge(here, newest)
            yield Partition(
                loading.number, here.topic_id, loading.assigned_at, position, progress,
                new_gap=new_gap, rows=rows, rows_lost=here.committed > 0 and rows == 0,
            )  # fmt: skip
