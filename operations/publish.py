"""Entries into the journal beside the live producer: own transactions with a random id, nobody is fenced.

A page of entries is one transaction, and a page goes only while the processors have little to do: live entries hardly
wait behind it. Publishing an entry twice is harmless: a processor passes over or updates, it never creates twice.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import Producer

from operations.kafka_reads import KafkaReads
from operations.output import Refused, note
from runtime.kafka import transactional_producer_config
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, TransactionalWriter, Unanswered
from schemas.partitioner import partition_of
from schemas.records import ASKED_FOR, JournalEntry
from schemas.topics import order_key

PAGE, SMALL_LAG = 100, 200
AGAIN_SECONDS, TRANSACTION_SECONDS = 1.0, 20.0


class Publisher:
    """Writes messages, each call one transaction."""

    def __init__(self, reads: KafkaReads) -> None:
        self._reads = reads
        self._count = reads.partition_count()
        name = f"{reads.settings.topic_prefix}-tool-{uuid.uuid4()}"
        config = transactional_producer_config(reads.settings, name)
        config["allow.auto.create.topics"] = False
        self._writer = TransactionalWriter(lambda: Producer(config), TRANSACTION_SECONDS)
        self._writer.open(TRANSACTION_SECONDS)

    def entries(self, entries: Sequence[JournalEntry]) -> None:
        """Write journal entries, marked as what the operator asked for."""
        found = []
        for entry in entries:
            key = order_key(entry.order_id)
            partition = partition_of(key, self._count)
            value = self._reads.codec.encode(entry)
            found.append(OutgoingMessage(self._reads.topics.journal, partition, key, value, ((ASKED_FOR, b"1"),)))
        self.messages(found)

    def messages(self, messages: Iterable[OutgoingMessage]) -> None:
        """Write all or none; Refused says whether it is known that none is there."""
        try:
            self._writer.write(messages)
        except Unanswered as error:
            raise Refused(f"Kafka did not say whether it took it ({error}); doing it again does no harm") from None
        except (NotCommitted, Fenced) as error:
            raise Refused(f"Kafka rejected it, nothing was written: {error}") from None


def drip(
    reads: KafkaReads,
    publisher: Publisher,
    entries: Sequence[JournalEntry],
    done: Callable[[int], None] = lambda count: None,
    breathe: Callable[[], None] = lambda: None,
    waits: Callable[[int, bool], None] = lambda lag, idle: None,
) -> None:
    """Publish page by page, each when the processors' lag is small; `breathe` may raise while it waits, to end it.

    `waits` hears the lag that is waited for, and whether no processor is running; 0 when it is over.
    """
    for start in range(0, len(entries), PAGE):
        page = entries[start : start + PAGE]
        wait_for_room(reads, breathe, waits)
        publisher.entries(page)
        done(start + len(page))


def wait_for_room(
    reads: KafkaReads,
    breathe: Callable[[], None] = lambda: None,
    waits: Callable[[int, bool], None] = lambda lag, idle: None,
) -> None:
    """Wait until the processors have little to do."""
    told = False
    while True:
        breathe()
        lag = sum(position.lag for position in reads.positions())
        if lag <= SMALL_LAG:
            waits(0, False)
            return
        idle = not reads.processors()
        waits(lag, idle)
        if not told:
            start = " - none is running, start one" if idle else ""
            note(f"waiting for the processors: {lag} entries lie before the next page{start}. Ctrl-C is safe")
            told = True
        time.sleep(AGAIN_SECONDS)
