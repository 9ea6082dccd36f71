"""From queued messages to jobs: entries of one order are one job, what the ledger calls done is passed over."""

from processor.commit.transaction import unreadable_row
from processor.consume.decode import Undecodable, decode
from processor.consume.source import Intake
from processor.holdings import Holdings
from processor.job import Entry, Job, Raw
from processor.parts import Parts, WrongKey
from processor.record.dead_letters import Death
from processor.restore.ledger import Ledger
from processor.restore.restore import Partition
from processor.restore.topic_identity import TopicReplaced
from runtime.logging import get_logger
from schemas.codec import DecodeError, RegistryUnavailable, UnknownSchema
from schemas.records import Delivery, Origin, Outcome

log = get_logger(__name__)


class Admit:
    """The only way into the holdings."""

    def __init__(self, parts: Parts, holdings: Holdings, ledger: Ledger, intake: Intake) -> None:
        self._parts, self._holdings, self._ledger, self._intake = parts, holdings, ledger, intake
        self._clock = parts.clock

    def take(self, room: int) -> None:
        """Take in up to so many entries, and those that a registry's absence held back."""
        held = self._holdings
        entries = [*held.deferred, *self._intake.take(room, self._clock())]
        held.deferred = []
        for index, entry in enumerate(entries):
            try:
                self._admit(entry)
            except RegistryUnavailable as error:
                log.warning("schema registry away: waiting for it", error=str(error))
                held.deferred = entries[index:]
                return

    def read_late(self, entry: Entry) -> None:
        """Take in a message that could not be read before: the tracker knows its offset, no row speaks of it."""
        self._file(entry, self._row(entry), self._holdings.partitions[entry.raw.partition], read_late=True)

    def decode_again(self, raw: Raw) -> Entry | Undecodable:
        """Try again to read a message."""
        until = self._holdings.partitions[raw.partition].progress.replay_until
        return decode(raw, self._parts.codec, until, self._clock())

    def open(self, order_id: int, partition: int, entries: list[Entry], row: Delivery | None) -> Job:
        """Begin an order's job; it waits first where somebody's create may still be alive."""
        job = self._holdings.jobs.open(order_id, partition, entries, row)
        here = self._holdings.partitions[partition]
        until = here.assigned_at + self._parts.limits.takeover_seconds
        if job.uncertain or (row is None and here.rows_lost and self._clock() < until):
            job.settle_until = until
        return job

    def _admit(self, entry: Entry | Undecodable) -> None:
        partition = self._holdings.partitions.get(entry.raw.partition)
        if partition is None:
            return
        if isinstance(entry, Undecodable):
            self._start(partition, entry.raw)
            self._holdings.deaths.add(Death((entry.raw,), None, entry.reason, entry.error, 0, self._clock()))
            return
        row = self._row(entry)
        self._start(partition, entry.raw)
        self._file(entry, row, partition)

    def _start(self, partition: Partition, raw: Raw) -> None:
        try:
            partition.tracker.start(raw.offset)
        except ValueError as error:  # another log under the same name, which the watch has not seen yet
            raise TopicReplaced(f"the topic {self._parts.topics.journal} was made anew: {error}") from None

    def _file(self, entry: Entry, row: Delivery | None, partition: Partition, read_late: bool = False) -> None:
        if self._holdings.jobs.join(entry):
            return
        if not read_late and _is_done(entry, row, partition):
            self._holdings.pass_over(entry.raw)
            return
        self.open(entry.record.order_id, entry.raw.partition, [entry], row)

    def _row(self, entry: Entry) -> Delivery | None:
        order_id = entry.record.order_id
        if self._holdings.jobs.has(order_id):
            return None
        try:
            return self._ledger.get(entry.raw.partition, order_id)
        except UnknownSchema as error:
            raise WrongKey(
                f"the ledger's rows can't be read: {error}. Give the program the schema registry that they were"
                " written with, or its newer version; nothing is sent without them"
            ) from None
        except DecodeError as error:
            log.warning("a ledger row can't be read: taken for an intent", order_id=order_id, error=str(error))
            return unreadable_row(entry.record.log_id)


def _is_done(entry: Entry, row: Delivery | None, partition: Partition) -> bool:
    if row is None or entry.replayed:
        return False
    if row.journal_topic_id == partition.topic_id and entry.raw.offset <= row.journal_offset:
        return True  # a single order's replay, too: what it asked for was done, and perhaps taken back since
    if entry.forced:
        return False
    if row.outcome is Outcome.RETRACTED and not entry.asked_for:
        return entry.record.origin is Origin.BACKFILL  # the sweep's: it shall not bring back what was taken back
    delivered = row.event_id is not None and not row.purchase_due
    return entry.record.origin is Origin.BACKFILL and delivered
