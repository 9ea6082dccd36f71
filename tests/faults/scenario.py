"""One order's way from the journal on, in topics of its own: judged by what arrived and by what Kafka keeps.

Many scenarios share one pair of stand-ins: each has its own orders, e-mails and phones, and looks at these alone.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sandbox.remote import fetch_state
from sandbox.shop import make_shop
from sandbox.verify import differences
from schemas.codec import make_codec
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics, ensure_topics, order_key
from tests.harness.judge import CHOICE
from tests.harness.programs import settings

LAUNCHER = "tests.faults.crashing"
PARTITIONS = 2
REJECTED = "refused@example.com"
QUICK = {
    "SETTLE_SECONDS": "1",
    "CREATE_TIMEOUT_SECONDS": "1",
    "SESSION_TIMEOUT_MS": "6000",
    "POLL_INTERVAL_SECONDS": "1",
    "JOURNAL_PARTITIONS": str(PARTITIONS),
    "DELIVERY_THREADS": "4",
}
UP_TO_SECONDS = 150.0  # an upper bound for one run, on a busy machine

_numbers = itertools.count(1)
_counting = threading.Lock()


@dataclass(slots=True)
class Scenario:
    """`number` makes orders, e-mails and phones its own."""

    apis: Mapping[str, str]
    kafka: str
    folder: Path
    number: int = 0
    prefix: str = ""
    orders: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    updates: bool = False
    over: dict[str, str] = field(default_factory=dict)
    with_topics: bool = True

    def __post_init__(self) -> None:
        with _counting:
            self.number = self.number or next(_numbers)
        self.prefix = self.prefix or f"t{uuid.uuid4().hex[:12]}"
        if self.with_topics:
            ensure_topics(AdminClient({"bootstrap.servers": self.kafka}), self.topics, PARTITIONS)

    @property
    def topics(self) -> Topics:
        """Its own."""
        return Topics(self.prefix)

    @property
    def emails(self) -> set[str]:
        """Its buyers'."""
        return {f"buyer{self.number}.{index}@example.com" for index in range(10)}

    # ---- what the shop does

    def place(self, index: int = 0, log_types: Sequence[int] = (1,), **fields: Any) -> list[tuple[int, int, int]]:
        """Add an order, or change it; return its new journal entries: log id, type, order id."""
        order_id = 800_000_000 + self.number * 10 + index
        if order_id not in self.orders:
            order = next(iter(make_shop(1, 1, int(time.time())).orders.values())) | {
                "order_source": "personal",
                "order_source_id": 0,
                "confirmed": True,
                "date_add": int(time.time()) - 600 + index,
                "date_confirmed": int(time.time()) - 590 + index,
                "email": f"buyer{self.number}.{index}@example.com",
                "phone": f"+48 6{self.number % 1_000_000:06d}{index:02d}",
            }
            self.orders.append(order_id)
        else:
            order = {}
        body = {"order": {**order, **fields, "order_id": order_id}, "log_types": list(log_types)}
        ids = _post(f"{_root(self.apis['BASELINKER_API_URL'])}/_sandbox/orders", body)["log_ids"]
        if log_types:
            self.outcomes.setdefault(order_id, Outcome.DELIVERED)
        return [(log_id, kind, order_id) for log_id, kind in zip(ids, log_types, strict=True)]

    def publish(self, entries: Sequence[tuple[int, int, int]], origin: Origin = Origin.JOURNAL) -> None:
        """Put entries into the journal topic, as the producer does."""
        codec = make_codec(self.topics, None)
        producer = Producer({"bootstrap.servers": self.kafka, "partitioner": "murmur2_random", "acks": "all"})
        for log_id, kind, order_id in entries:
            entry = JournalEntry(log_id, kind, order_id, None, datetime.now(UTC), origin)
            producer.produce(self.topics.journal, key=order_key(order_id), value=codec.encode(entry))
        if producer.flush(60):
            raise AssertionError("Kafka did not take the journal's entries")

    def partition_of(self, order_id: int) -> int:
        """Return where an order's published entries lie."""
        return next(part for part, _, key, *_ in read(self.kafka, self.topics.journal) if key == order_key(order_id))

    # ---- running

    def start(self, name: str, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a program with everything it needs; its log is `<name>.log`."""
        everything = settings(dict(self.apis), self.kafka, self.prefix) | QUICK | self.over | environment
        with (self.folder / f"{self.prefix}-{name}.log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", *command], env=everything, stderr=log)

    def finish(self, name: str = "heir", module: str = "processor") -> list[str]:
        """Run the program as it is until nothing is left."""
        code = self.ended(self.start(name, module, "--until-caught-up"))
        if code is None:
            return [f"{name} did not come to an end"]
        return [] if code == 0 else [f"{name} ended with {code}"]

    def ended(self, process: "subprocess.Popen[bytes]") -> int | None:
        """Return how a program ended; None when it had to be killed because it did not."""
        try:
            return process.wait(UP_TO_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def tail(self, name: str, lines: int = 12) -> str:
        """Return the end of a log."""
        path = self.folder / f"{self.prefix}-{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    # ---- judging

    def problems(self) -> list[str]:
        """Return all that is not as it should be, at SALESmanago and in Kafka."""
        base, sales = self._mine()
        found = [line for line in differences(base, sales, CHOICE) if not self._refused(line)]
        updates = [write for write in sales["writes"] if write["kind"] == "update"]
        if updates and not self.updates:
            found.append(f"{len(updates)} updates of a purchase that nobody changed")
        return found + self._positions() + self._rows(sales) + self._letters()

    def snapshot(self) -> object:
        """Return what Kafka keeps: ledger rows, dead letters and committed offsets, to be compared with a later one."""
        rows = [(part, offset, key, value) for part, offset, key, value, _ in read(self.kafka, self.topics.deliveries)]
        return sorted(rows), self._committed(), len(read(self.kafka, self.topics.dead_letters))

    def _mine(self) -> tuple[dict[str, Any], dict[str, Any]]:
        base, sales = fetch_state(self.apis["BASELINKER_API_URL"]), fetch_state(self.apis["SALESMANAGO_API_URL"])
        mine = set(self.orders)
        texts = {str(order_id) for order_id in mine}
        emails = {order["email"].lower() for order in base["orders"] if order["order_id"] in mine}
        base["logs"] = [log for log in base["logs"] if log["order_id"] in mine]
        sales["contacts"] = [contact for contact in sales["contacts"] if contact["email"] in emails]
        sales["events"] = [event for event in sales["events"] if str(event.get("externalId")) in texts]
        sales["writes"] = [write for write in sales["writes"] if str(write.get("external_id")) in texts]
        return base, sales

    def _refused(self, line: str) -> bool:
        """A refused contact has no card and no purchase."""
        dead = [order_id for order_id, outcome in self.outcomes.items() if outcome is Outcome.DEAD]
        return bool(dead) and (
            line == "a contact is missing in SALESmanago"
            or any(line.startswith(f"order {order_id}: has 0 purchases, expected 1") for order_id in dead)
        )

    def _committed(self) -> dict[int, tuple[int, str | None]]:
        reader = Consumer({"bootstrap.servers": self.kafka, "group.id": f"{self.prefix}-processor"})
        try:
            asked = [TopicPartition(self.topics.journal, number) for number in range(PARTITIONS)]
            return {found.partition: (found.offset, found.metadata) for found in reader.committed(asked, timeout=30)}
        finally:
            reader.close()

    def _positions(self) -> list[str]:
        reader = Consumer({"bootstrap.servers": self.kafka, "group.id": f"{self.prefix}-looker"})
        found = []
        try:
            for number, (offset, _) in self._committed().items():
                _, end = reader.get_watermark_offsets(TopicPartition(self.topics.journal, number), timeout=30)
                if end and offset != end:
                    found.append(f"partition {number}: committed {offset}, the journal ends at {end}")
        finally:
            reader.close()
        return found

    def _rows(self, sales: Mapping[str, Any]) -> list[str]:
        codec = make_codec(self.topics, None)
        newest: dict[int, Delivery] = {}
        for _, _, key, value, _ in read(self.kafka, self.topics.deliveries):
            if value is None:  # there was no row before, and there is none
                newest.pop(int(key or 0), None)
            else:
                newest[int(key or 0)] = codec.decode(value, Delivery)
        events = {str(event["externalId"]): event["eventId"] for event in sales["events"]}
        found = []
        for order_id, outcome in self.outcomes.items():
            row = newest.pop(order_id, None)
            if row is None or row.outcome is not outcome:
                found.append(f"order {order_id}: its row says {row and row.outcome}, expected {outcome}")
            elif outcome is Outcome.DELIVERED and row.event_id != events.get(str(order_id)):
                found.append(f"order {order_id}: its row names another purchase than SALESmanago has")
        return found + [f"order {order_id}: has a row and should have none" for order_id in newest]

    def _letters(self) -> list[str]:
        dead = [order_id for order_id, outcome in self.outcomes.items() if outcome is Outcome.DEAD]
        letters = read(self.kafka, self.topics.dead_letters)
        reasons = [dict(headers).get("error.reason", b"").decode() for *_, headers in letters]
        return [] if len(letters) == len(dead) else [f"{len(letters)} dead letters ({reasons}), expected {len(dead)}"]


def read(kafka: str, topic: str) -> list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    """Return partition, offset, key, value and headers of every committed message."""
    config = {"bootstrap.servers": kafka, "group.id": "reader", "enable.partition.eof": True}
    reader = Consumer({**config, "isolation.level": "read_committed", "enable.auto.commit": False})
    found: list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
    try:
        numbers = set(reader.list_topics(topic, timeout=30).topics[topic].partitions)
        reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
        until = time.monotonic() + UP_TO_SECONDS
        while numbers and time.monotonic() < until:
            for message in reader.consume(1000, 0.5):
                number, offset, error = message.partition(), message.offset(), message.error()
                assert number is not None and offset is not None
                if error is None:
                    headers: Any = list(message.headers() or [])
                    key: Any = message.key()
                    value: Any = message.value()
                    found.append((number, offset, key, value, headers))
                elif error.code() == KafkaError._PARTITION_EOF:
                    numbers.discard(number)
                else:
                    raise KafkaException(error)
        assert not numbers, f"{topic} could not be read to its end"
        return found
    finally:
        reader.close()


@contextmanager
def stand_ins(*options: str) -> Iterator[dict[str, str]]:
    """Both stand-ins as a process of their own, with an empty shop unless told otherwise."""
    command = [sys.executable, "-m", "sandbox", "--limit", "10000000", "--orders", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def switch(url: str, **switches: Any) -> None:
    """Set switches of a stand-in."""
    _post(f"{_root(url)}/_sandbox/switches", switches)


def _root(url: str) -> str:
    return url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")


def _post(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
