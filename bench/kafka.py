"""What the Kafka clients' settings cost: rows written in transactions, and a ledger read back, in turns.

Only what is chosen by these figures is varied; what the promises rest on is not for choice (runtime/kafka.py).
"""

import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, replace
from itertools import product
from statistics import median
from typing import Any

from confluent_kafka import Producer

from bench.codec import ROW
from bench.report import Section, Table, say, spread
from bench.setting import Setting
from bench.topics import PARTITIONS, fill_ledger, own_topics
from schemas.codec import make_codec
from schemas.partitioner import partition_of
from schemas.topics import Topics, order_key

COMPRESSION, LINGER_MS = ("none", "lz4", "zstd"), (0, 5, 50)
QUEUED_KB, FETCH_WAIT_MS = (4096, 16384, 65536), (100, 500)
CHOSEN = {"zstd, 5 ms", "16 MB, 100 ms"}
ROWS_A_TRANSACTION = 100


@dataclass(frozen=True, slots=True)
class Written:
    """Milliseconds a transaction, bytes a row on the wire, CPU microseconds a row."""

    transaction_ms: float
    bytes_a_row: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class WasRead:
    """Seconds until all rows were read, and the process's largest size in MB."""

    seconds: float
    peak_mb: float


def measure(setting: Setting) -> Section:
    """Measure each choice, in turns."""
    sizes = setting.sizes
    written: dict[str, list[Written]] = {}
    was_read: dict[str, list[WasRead]] = {}
    with own_topics(setting.kafka) as topics:
        for _, compression, linger in product(range(sizes.runs), COMPRESSION, LINGER_MS):
            found = write(setting.kafka, topics, compression, linger, sizes.kafka_transactions)
            written.setdefault(f"{compression}, {linger} ms", []).append(found)
    with own_topics(setting.kafka) as topics:
        fill_ledger(setting.kafka, topics, sizes.kafka_rows)
        for _, queued, wait in product(range(sizes.runs), QUEUED_KB, FETCH_WAIT_MS):
            one = read(setting.kafka, topics.deliveries, queued, wait)
            was_read.setdefault(f"{queued // 1024} MB, {wait} ms", []).append(one)
    say(f"kafka: {written['zstd, 5 ms'][-1]}, {was_read['16 MB, 100 ms'][-1]}")
    return _section(written, was_read, sizes.kafka_rows)


def write(kafka: str, topics: Topics, compression: str, linger: int, transactions: int) -> Written:
    """Write so many transactions, each as the processor's: rows of different orders, over all partitions."""
    sent = [0]

    def stats(text: str) -> None:
        sent[0] = sum(int(broker["txbytes"]) for broker in json.loads(text)["brokers"].values())

    config: dict[str, Any] = {
        "bootstrap.servers": kafka, "transactional.id": f"bench-{uuid.uuid4().hex[:8]}", "acks": "all",
        "compression.type": compression, "linger.ms": linger, "statistics.interval.ms": 50, "stats_cb": stats,
        "log_level": 3,
    }  # fmt: skip
    producer = Producer(config)
    producer.init_transactions(30)
    codec, number, took = make_codec(topics, None), 747_000_000, []
    began = time.process_time()
    for _ in range(transactions):
        rows = []
        for number in range(number + 1, number + 1 + ROWS_A_TRANSACTION):  # noqa: B020 - goes on where the last ended
            row = replace(ROW, contact_id=str(uuid.uuid4()), event_id=str(uuid.uuid4()), log_id=number)
            rows.append((order_key(number), codec.encode(row)))
        at = time.monotonic()
        producer.begin_transaction()
        for key, value in rows:
            producer.produce(topics.deliveries, value, key, partition_of(key, PARTITIONS))
        producer.commit_transaction(30)
        took.append((time.monotonic() - at) * 1000)
    cpu = time.process_time() - began
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        producer.poll(0.05)
    count = transactions * ROWS_A_TRANSACTION
    return Written(median(took), sent[0] / count, cpu / count * 1e6)


def read(kafka: str, topic: str, queued_kb: int, wait_ms: int) -> WasRead:
    """Read a topic to its end in a process of its own."""
    command = [sys.executable, "-m", "bench.kafka_reader", kafka, topic, str(queued_kb), str(wait_ms)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    return WasRead(found["seconds"], found["peak_mb"])


def _section(written: dict[str, list[Written]], was_read: dict[str, list[WasRead]], rows: int) -> Section:
    writing = Table(
        ("compression, linger", "ms a transaction", "bytes a row sent", "CPU µs a row"),
        [
            (
                _marked(name),
                spread(run.transaction_ms for run in runs),
                spread((run.bytes_a_row for run in runs), 0),
                spread((run.cpu_us for run in runs), 0),
            )
            for name, runs in written.items()
        ],
    )
    reading = Table(
        ("kept in advance, wait for a fetch", f"seconds for {rows:,} rows", "MB at most"),
        [
            (_marked(name), spread((run.seconds for run in runs), 2), spread((run.peak_mb for run in runs), 0))
            for name, runs in was_read.items()
        ],
    )
    return Section(
        "kafka",
        "The Kafka clients' settings",
        [
            f"Bold = what the programs use. Writing: transactions of {ROWS_A_TRANSACTION} ledger rows over 6"
            " partitions, one after the other, as a processor writes them.",
            writing,
            "Reading a ledger: how much librdkafka fetches in advance (`queued.max.messages.kbytes`, for each"
            " partition) decides the memory of a take-over; how long the broker may wait for more"
            " (`fetch.wait.max.ms`) matters at a topic's end only, where a new entry arrives.",
            reading,
        ],
        {},
    )


def _marked(name: str) -> str:
    return f"**{name}**" if name in CHOSEN else name
