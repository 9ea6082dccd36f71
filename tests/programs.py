"""Sandbox, producer and processors as processes of their own, and how they are judged: by what arrived."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from sandbox.expected import Choice
from sandbox.remote import fetch_state
from sandbox.server import LOCATION
from sandbox.verify import differences
from schemas.codec import make_codec
from schemas.records import Delivery, JournalEntry, Origin, Outcome, dead_letter_from_headers
from schemas.topics import Topics

CHOICE = Choice(LOCATION, "Klient", "both")


@contextmanager
def sandbox(*options: str) -> Iterator[dict[str, str]]:
    """Both stand-ins; yields the settings that point at them."""
    command = [sys.executable, "-m", "sandbox", "--limit", "100000", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def settings(apis: dict[str, str], kafka: str, prefix: str) -> dict[str, str]:
    """Everything the programs need."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESMANAGO_"))}
    return {
        **own,
        **apis,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOPIC_PREFIX": prefix,
        "BASELINKER_REQUESTS_PER_MINUTE": "20000",
        "POLL_INTERVAL_SECONDS": "1",
        "CONTACT_TAG": "Klient",
        "TAG_ORDER_SOURCE": "both",
        "LOG_FORMAT": "json",
    }


def run(module: str, environment: dict[str, str], log: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a program."""
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", module, *options], env=environment, stderr=output)


def wrong(apis: dict[str, str]) -> list[str]:
    """What differs from what should have arrived."""
    return differences(fetch_state(apis["BASELINKER_API_URL"]), fetch_state(apis["SALESMANAGO_API_URL"]), CHOICE)


def ask_sandbox(url: str, what: str, body: object) -> Any:
    """POST to a stand-in's own paths (`switches`, `orders`, `listen`, `heavy`) by any of its URLs."""
    root = url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")
    request = urllib.request.Request(f"{root}/_sandbox/{what}", json.dumps(body).encode(), method="POST")
    return json.loads(urllib.request.urlopen(request, timeout=10).read())


def switch(url: str, **switches: Any) -> None:
    """Set switches of a stand-in."""
    ask_sandbox(url, "switches", switches)


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Ask again and again; the time is an upper bound, not an expectation."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def wait_until_none(found: Callable[[], list[str]], seconds: float, what: str) -> None:
    """Ask again and again until nothing is found; a failure tells what still was."""
    until = time.monotonic() + seconds
    while left := found():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}; left are {len(left)}: {left[:20]}"
        time.sleep(0.3)


@dataclass(slots=True)
class Programs:
    """The programs of one test; whatever still runs at its end is killed."""

    environment: dict[str, str]
    folder: Path
    started: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *ending: object) -> None:
        for _, process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for _, process in self.started:
            process.wait(30)

    def start(self, module: str, *options: str, **more: str) -> subprocess.Popen[bytes]:
        """Start one; `more` are settings of its own."""
        log = self.folder / f"{module}-{len(self.started) + 1}.log"
        process = run(module, {**self.environment, **more}, log, *options)
        self.started.append((log.name, process))
        return process

    def finish(self, seconds: float = 120.0) -> None:
        """Let a producer and a processor end what is left; both must end by themselves."""
        for module in ("producer", "processor"):
            process = self.start(module, "--until-caught-up")
            assert process.wait(seconds) == 0, self.log(process)[-3000:]

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What one has said."""
        name = next(known for known, one in self.started if one is process)
        return (self.folder / name).read_text(errors="replace")

    def logged(self, event: str) -> int:
        """How often all of them together have said something."""
        text = f'"{event}"'
        return sum(path.read_text(errors="replace").count(text) for path in self.folder.glob("*.log"))


def read_whole(kafka: str, topic: str) -> list[Message]:
    """Every committed message of a topic, partition after partition in its order."""
    return read_on(kafka, topic, {})


def read_on(kafka: str, topic: str, offsets: dict[int, int]) -> list[Message]:
    """Every committed message from these offsets on (0 where none is given), to the end."""
    reader = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "reads-only",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    try:
        partitions = reader.list_topics(topic, timeout=30).topics[topic].partitions
        reader.assign([TopicPartition(topic, number, offsets.get(number, 0)) for number in partitions])
        found: list[Message] = []
        ends: set[int | None] = set()
        until = time.monotonic() + 60
        while len(ends) < len(partitions):
            assert time.monotonic() < until, f"{topic} has no end"
            for message in reader.consume(5000, 0.2):
                if message.error() is not None:
                    ends.add(message.partition())
                else:
                    found.append(message)
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
    finally:
        reader.close()


def dead_letters(kafka: str, topics: Topics) -> list[tuple[bytes | None, str, str]]:
    """Value, reason and message of every dead letter."""
    found: list[tuple[bytes | None, str, str]] = []
    for message in read_whole(kafka, topics.dead_letters):
        letter = dead_letter_from_headers(list(message.headers() or []))  # type: ignore[arg-type]
        value = message.value()
        found.append((value if isinstance(value, bytes) else None, letter.reason, letter.message))
    return found


def committed_offsets(kafka: str, prefix: str) -> dict[int, int]:
    """The processors' group's offset of each partition of the journal."""
    topic, config = Topics(prefix).journal, {"bootstrap.servers": kafka, "group.id": f"{prefix}-processor"}
    reader = Consumer({**config, "isolation.level": "read_uncommitted", "enable.auto.commit": False, "log_level": 0})
    try:
        known = reader.list_topics(topic, timeout=30).topics[topic].partitions
        found = reader.committed([TopicPartition(topic, number) for number in known], timeout=30)
        return {one.partition: one.offset for one in found if one.error is None and one.offset >= 0}
    finally:
        reader.close()


def left_undone(kafka: str, prefix: str, sales: dict[str, Any]) -> list[str]:
    """What Kafka says against "all done": entries after the group's offsets, rows that go back or name no purchase."""
    topics = Topics(prefix)
    codec = make_codec(topics, None)
    found = []
    offsets = committed_offsets(kafka, prefix)
    for message in read_on(kafka, topics.journal, offsets):
        found.append(f"entry {message.partition()}/{message.offset()} is after the group's offset")
    entries: dict[int, int] = {}
    for message in read_whole(kafka, topics.journal):
        content = message.value()
        assert isinstance(content, bytes)
        entry = codec.decode(content, JournalEntry)
        if entry.origin is not Origin.BACKFILL:  # of what is delivered these leave no row
            entries[entry.order_id] = message.offset() or 0
    events = {event["eventId"]: str(event["externalId"]) for event in sales["events"]}
    rows: dict[int, Delivery] = {}
    for message in read_whole(kafka, topics.deliveries):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        order_id = int(key)
        before = rows.get(order_id)
        if not isinstance(value, bytes):  # an intent was taken back, and there was no row before it
            if before is not None and before.outcome is not Outcome.SENDING:
                found.append(f"order {order_id}: its row was removed")
            rows.pop(order_id, None)
            continue
        row = codec.decode(value, Delivery)
        same = before is not None and before.journal_topic_id == row.journal_topic_id
        if before is not None and same and row.journal_offset < before.journal_offset:
            found.append(f"order {order_id}: its row went back from {before.journal_offset} to {row.journal_offset}")
        if before is not None and before.event_id and row.event_id != before.event_id:
            found.append(f"order {order_id}: its row lost its purchase")
        rows[order_id] = row
    purchases = set(events.values())
    for order_id, offset in entries.items():
        last = rows.get(order_id)
        if last is None or last.journal_offset < offset:
            found.append(f"order {order_id}: its row is of {last and last.journal_offset}, its last entry at {offset}")
        elif last.outcome is Outcome.SENDING:
            found.append(f"order {order_id}: its row is still an intent")
        elif last.event_id is not None and events.get(last.event_id) != str(order_id):
            found.append(f"order {order_id}: its row names a purchase that is not there")
        elif str(order_id) in purchases and last.event_id is None and last.outcome is Outcome.DELIVERED:
            found.append(f"order {order_id}: has a purchase its row does not name")
    found += [f"dead letter: {reason}: {text}" for _, reason, text in dead_letters(kafka, topics)]
    return found


def hand_over(what: str, seed: int, started: float, **numbers: object) -> None:
    """Add a line to the table of `make soak`."""
    if path := os.environ.get("SOAK_RESULTS"):
        with Path(path).open("a") as results:
            seconds = round(time.monotonic() - started)
            results.write(json.dumps({"what": what, "seed": seed, "seconds": seconds, **numbers}) + "\n")


def quiet_port() -> int:
    """Return a free port that the system gives to nobody by itself: not even to a client that knocks in vain."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
