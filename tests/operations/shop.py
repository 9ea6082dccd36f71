"""Deployments that commands are tried on, and what Kafka and SALESmanago have of them."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaException, Producer

from clients import Http, SalesManago
from operations.kafka_reads import KafkaReads
from operations.topics import make_topics
from runtime.settings import load_settings
from sandbox.remote import fetch_state
from schemas.records import DeadLetter, JournalEntry
from schemas.topics import Topics
from tests.harness.programs import settings
from tests.harness.stand_ins import ask_sandbox, sandbox, writes
from tests.harness.topics import journal_entries
from tests.harness.waiting import wait_until

LETTER = DeadLetter(
    "rejected", "RejectedError", "no", "journal", 0, 0, b"747000001", 1, datetime(2026, 11, 1, tzinfo=UTC)
)


@contextmanager
def deployment(kafka: str, *options: str, **more: str) -> Iterator[dict[str, str]]:
    """A shop (`options` of the sandbox) with topics of its own; yields the programs' settings, `more` among them."""
    with sandbox(*options) as apis:
        yield settings(apis, kafka, f"t{uuid.uuid4().hex[:12]}") | more


@contextmanager
def empty_topics(kafka: str) -> Iterator[KafkaReads]:
    """A deployment that has its topics and nothing else; its partitions have leaders, which takes a moment."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:12]}"}
    wanted = load_settings(environment, None, "kafka")
    make_topics(wanted)

    def led() -> bool:
        try:
            return all(reads.log_ends(topic) for topic in reads.topics.all)
        except KafkaException:
            return False

    with KafkaReads(wanted) as reads:
        wait_until(led, 60, "every partition has a leader")
        yield reads


def kinds(apis: Mapping[str, str], kind: str) -> list[dict[str, Any]]:
    """The writes of a kind that arrived."""
    return [write for write in writes(apis) if write["kind"] == kind]


def journal(environment: Mapping[str, str]) -> list[JournalEntry]:
    """The journal's entries, partition after partition, oldest first."""
    return journal_entries(environment["KAFKA_BOOTSTRAP_SERVERS"], environment["TOPIC_PREFIX"])


def put_letter(environment: Mapping[str, str], letter: DeadLetter = LETTER) -> str:
    """Write a dead letter; return its key."""
    key = f"{letter.partition}/{letter.offset}"
    producer = Producer({"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"]})
    topic = Topics(environment["TOPIC_PREFIX"]).dead_letters
    producer.produce(topic, b"as it came", key.encode(), 0, headers=[*letter.to_headers()])
    assert producer.flush(30) == 0
    return key


def another_program(apis: Mapping[str, str], owner: str | None = None) -> SalesManago:
    """Somebody else who writes to the same SALESmanago account; `owner` = as another of its users."""
    return SalesManago(
        Http("SALESmanago"),
        apis["SALESMANAGO_API_URL"],
        apis["SALESMANAGO_CLIENT_ID"],
        apis["SALESMANAGO_API_SECRET"],
        "another",
        owner or apis["SALESMANAGO_OWNER"],
    )


def sell(environment: Mapping[str, str], count: int, *log_types: int) -> list[int]:
    """Let the own shop sell orders, confirmed, a buyer each; return their ids, which lie near each other."""
    url = environment["BASELINKER_API_URL"]
    orders = fetch_state(url)["orders"]
    like = next(one for one in orders if one["order_source"] == "shop" and one["confirmed"] and one["email"])
    first = max(one["order_id"] for one in orders) + 1000
    edits = []
    for number in range(first, first + count):
        own = {"order_id": number, "email": buyer(number), "date_confirmed": int(time.time())}
        edits.append({"order": {**like, **own}, "log_types": log_types or (2,)})
    ask_sandbox(url, "orders", edits)
    return list(range(first, first + count))


def buyer(order_id: int) -> str:
    """The e-mail of who bought what was sold by `sell`."""
    return f"buyer{order_id}@example.com"
