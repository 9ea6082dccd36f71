"""A million entries through one processor: its memory while they pass by.

One entry in two hundred is a new order, which goes the whole way; the others name orders that are delivered already, as
a sweep or a backfill brings them: those are passed over by their ledger rows.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from bench.processes import Programs, memory_mb, settings, standin
from bench.report import Section, Table, say
from bench.setting import Setting
from bench.shop import Choice, make
from bench.topics import PARTITIONS, entry_of, fill_entries, fill_ledger, own_topics
from producer.sweep.sweep import CONFIRMED
from runtime.end_offsets import watermarks
from schemas.records import JournalEntry, Origin
from schemas.topics import Topics

ONE_NEW_IN = 200
DELIVERED = 900_000_000  # the first id of those that were delivered before
DELIVERED_SHARE = 10  # one delivered order for so many entries: each is named about so often
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Passed:
    """At a moment: entries committed, seconds since the first, MB of the process."""

    entries: int
    seconds: float
    mb: float


def measure(setting: Setting) -> Section:
    """Let all of them pass, once."""
    count = setting.sizes.memory_entries
    found, peak = let_pass(setting.kafka, setting.folder, count)
    rows = [
        (f"{one.entries:,}", f"{one.seconds:,.0f}", f"{one.mb:.0f}")
        for one in (_at(found, count * tenth // TENTHS) for tenth in range(TENTHS + 1))
    ]
    say(f"memory: {rows[-1]}, at most {peak:.0f} MB")
    return Section(
        "memory",
        "Memory over a million entries",
        [
            f"One processor, {count:,} entries. One in {ONE_NEW_IN} is a new order and goes the whole way; the others"
            f" name one of {count // DELIVERED_SHARE:,} orders that are delivered, as a sweep brings them, and are"
            f" passed over by their rows. At most {peak:.0f} MB.",
            Table(("entries done", "seconds", "MB"), rows),
        ],
        {},
    )


def let_pass(kafka: str, folder: Path, count: int) -> tuple[list[Passed], float]:
    """Return what was seen every half second, and the largest size in MB."""
    new, delivered = count // ONE_NEW_IN, count // DELIVERED_SHARE
    with own_topics(kafka) as topics, standin("--orders", new) as apis, Programs(folder) as programs:
        fill_ledger(kafka, topics, delivered, DELIVERED)
        program = programs.start("processor", settings(apis.environment, kafka, topics.prefix))
        programs.wait_until_ready(PARTITIONS)
        fill_entries(kafka, topics, _entries(count, new, delivered))
        began, found = time.monotonic(), [Passed(0, 0.0, memory_mb(program.pid))]
        reader = Consumer({"bootstrap.servers": kafka, "group.id": f"{topics.prefix}-processor", "log_level": 3})
        written = _written(reader, topics)
        while found[-1].entries < written or apis.purchases() < new:
            programs.must_run()
            time.sleep(0.5)
            found.append(Passed(_committed(reader, topics), time.monotonic() - began, memory_mb(program.pid)))
        reader.close()
        return found, program.end().peak_mb


def _entries(count: int, new: int, delivered: int) -> Iterator[JournalEntry]:
    logs, now = iter(make(Choice(new), int(time.time())).logs), datetime.now(UTC)
    for number in range(count):
        if number % ONE_NEW_IN == 0:
            yield entry_of(next(logs))
        else:
            yield JournalEntry(0, CONFIRMED, DELIVERED + number % delivered, None, now, Origin.BACKFILL)


def _at(found: list[Passed], entries: int) -> Passed:
    return next((one for one in found if one.entries >= entries), found[-1])


def _partitions(topics: Topics) -> list[TopicPartition]:
    return [TopicPartition(topics.journal, number) for number in range(PARTITIONS)]


def _committed(reader: Consumer, topics: Topics) -> int:
    return sum(max(0, part.offset) for part in reader.committed(_partitions(topics), timeout=30))


def _written(reader: Consumer, topics: Topics) -> int:
    return sum(watermarks(reader, topics.journal, number, 30.0)[1] for number in range(PARTITIONS))
