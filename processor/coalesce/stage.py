"""From entries to jobs: entries of one order are one job, and what the ledger calls done is passed over.

Entries wait here for a moment, and for as long as enrich has no room: that is when they are coalesced. Never two
unfinished jobs of one order exist; what comes meanwhile becomes the next one. The only reader and writer of the rows.
"""

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from processor.errors import NeedsOperator
from processor.job import Entry, Job
from processor.ledger_rows import unreadable_row
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.values import Passed
from runtime.logging import get_logger
from schemas.codec import DecodeError, RegistryUnavailable, UnknownSchema
from schemas.records import Delivery, Origin, Outcome

MOST_JOBS = 1500
FULL_BATCH = 500  # as many wait no longer for others
LINGER_SECONDS = 0.3
REGISTRY_PAUSE_SECONDS = 2.0

log = get_logger(__name__)


@dataclass(slots=True)
class _Order:
    """An unfinished order: its job once that was handed on, and the entries that have no job yet."""

    partition: int
    row: Delivery | None
    entries: list[Entry] = field(default_factory=list)
    job: Job | None = None
    settle_until: float = 0.0


class Coalesce:
    """`takeover_seconds`: for so long after an assignment an earlier owner's create may be alive."""

    def __init__(self, ledger: Ledger, takeover_seconds: float, most: int = MOST_JOBS) -> None:
        self._ledger, self._takeover_seconds, self._most = ledger, takeover_seconds, most
        self._partitions: dict[int, Partition] = {}
        self._entered: deque[Entry] = deque()
        self._orders: dict[int, _Order] = {}
        self._waiting: dict[int, _Order] = {}  # by order id, those without a job
        self._forgotten: dict[int, _Order] = {}  # their entries have neither a job nor an outcome
        self._waiting_since: float | None = None
        self._registry_at = 0.0

    @property
    def room(self) -> int:
        """How many more entries it takes."""
        return self._most - len(self._orders) - len(self._entered)

    @property
    def unfinished(self) -> int:
        """How many entries and orders have no outcome yet."""
        return len(self._orders) + len(self._entered)

    def assign(self, partition: Partition) -> None:
        """Begin with a partition whose rows are there."""
        self._partitions[partition.number] = partition

    def submit(self, item: Entry) -> None:
        """Take an entry in."""
        self._entered.append(item)

    def poll(self, now: float, room: int) -> Iterator[Job | Passed]:
        """Hand on what was done before, and up to `room` jobs once a batch is full or has waited for a moment.

        NeedsOperator where no version of a row can be read, Torn for a damaged file.
        """
        yield from self._file(now)
        if not self._waiting:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now
        full = len(self._waiting) >= FULL_BATCH or now - self._waiting_since >= LINGER_SECONDS
        if room <= 0 or not full:
            return
        self._waiting_since = None
        first = sorted(self._waiting.items(), key=lambda item: max(entry.record.log_id for entry in item[1].entries))
        for order_id, order in first[:room]:
            del self._waiting[order_id]
            order.job = Job(order_id, order.partition, tuple(order.entries), order.row, self._settle_until(order, now))
            order.entries = []
            yield order.job

    def finished(self, job: Job, row: Delivery, value: bytes, settle_until: float) -> None:
        """An order has its outcome and row: entries that came meanwhile become its next job."""
        self.stored(job.partition, job.order_id, value)
        order = self._orders.get(job.order_id)
        if order is None or order.job is not job:
            return
        if not order.entries:
            del self._orders[job.order_id]
            return
        order.job, order.row, order.settle_until = None, row, settle_until
        self._waiting[job.order_id] = order

    def stored(self, partition: int, order_id: int, value: bytes) -> None:
        """Note an order's encoded row, as it lies in Kafka or is on its way there."""
        if partition in self._partitions:
            self._ledger.put(partition, order_id, value)

    def forget(self, job: Job) -> None:
        """Let a job go without an outcome: its entries, and those behind them, come again.

        A later entry of the order is one job with them: alone, its row would say that they are done.
        """
        order = self._orders.get(job.order_id)
        if order is not None and order.job is job:
            del self._orders[job.order_id]
            order.job, order.entries = None, [*job.entries, *order.entries]
            self._forgotten[job.order_id] = order

    def unfinished_row(self) -> tuple[Job, Delivery | None] | None:
        """Return some unfinished job and its row as the ledger has it."""
        for order in self._orders.values():
            if order.job is not None:
                try:
                    return order.job, self._ledger.get(order.partition, order.job.order_id)
                except (DecodeError, RegistryUnavailable):
                    continue
        return None

    def entries(self) -> Iterator[Entry]:
        """Return the entries that have no outcome yet."""
        for order in (*self._orders.values(), *self._forgotten.values()):
            yield from order.job.entries if order.job is not None else ()
            yield from order.entries

    def revoke(self, partitions: Set[int]) -> None:
        """Drop the entries and jobs of these partitions: they come again."""
        for number in partitions:
            self._partitions.pop(number, None)
        self._entered = deque(entry for entry in self._entered if entry.raw.partition not in partitions)
        self._orders = {key: order for key, order in self._orders.items() if order.partition not in partitions}
        self._waiting = {key: order for key, order in self._waiting.items() if order.partition not in partitions}
        self._forgotten = {key: order for key, order in self._forgotten.items() if order.partition not in partitions}

    def close(self) -> None:
        """Remove the ledger's file."""
        self._ledger.close()

    def _file(self, now: float) -> Iterator[Passed]:
        while self._entered and now >= self._registry_at:
            entry = self._entered[0]
            try:
                passed = not self._take(entry)
            except RegistryUnavailable as error:
                self._registry_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("the schema registry does not answer; waiting for it", error=str(error))
                return
            self._entered.popleft()
            if passed:
                yield Passed(entry.raw)

    def _take(self, entry: Entry) -> bool:
        """Give an entry to its order; False when the ledger says that it is done."""
        order_id, partition = entry.record.order_id, self._partitions[entry.raw.partition]
        order = self._orders.get(order_id)
        if order is None:
            row = self._row(entry)
            if is_done(entry, row, partition.topic_id):
                return False
            order = self._forgotten.pop(order_id, None) or _Order(partition.number, row)
            order.row = row
            self._orders[order_id] = self._waiting[order_id] = order
        order.entries.append(entry)
        return True

    def _settle_until(self, order: _Order, now: float) -> float:
        """Until when somebody's create may be alive: of an intent in the ledger, or of one whose row was lost."""
        here = self._partitions[order.partition]
        until = here.assigned_at + self._takeover_seconds
        uncertain = order.row is not None and order.row.outcome is Outcome.SENDING
        unknown = order.row is None or order.row.event_id is None  # a row of ours says nothing of those that were lost
        if uncertain or (unknown and here.rows_lost and now < until):
            return max(until, order.settle_until)
        return order.settle_until

    def _row(self, entry: Entry) -> Delivery | None:
        order_id = entry.record.order_id
        try:
            return self._ledger.get(entry.raw.partition, order_id)
        except UnknownSchema as error:
            raise NeedsOperator(
                f"the ledger's rows can't be read: {error}. Give the program the schema registry that they were"
                " written with, or its newer version; nothing is sent without them"
            ) from None
        except DecodeError as error:
            log.warning("a ledger row can't be read: treated as an intent", order_id=order_id, error=str(error))
            return unreadable_row(entry.record.log_id)


def is_done(entry: Entry, row: Delivery | None, topic_id: str) -> bool:
    """Whether what this entry asks for was done before, as the order's row says."""
    if row is None or entry.replayed:
        return False
    if row.journal_topic_id == topic_id and entry.raw.offset <= row.journal_offset:
        return True  # a single order's replay, too: what it asked for was done, and perhaps taken back since
    if entry.forced:
        return False
    if row.outcome is Outcome.RETRACTED and not entry.asked_for:
        return entry.record.origin is Origin.BACKFILL  # the sweep's: it must not bring back what was taken back
    delivered = row.event_id is not None and not row.purchase_due
    return entry.record.origin is Origin.BACKFILL and delivered
