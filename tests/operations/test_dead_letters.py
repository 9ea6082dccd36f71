"""Letters that somebody else retried or dropped meanwhile are not counted, and not written again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from operations import dead_letters
from operations.cli import build
from operations.dead_letters import choose, drop_letters, retry_letters
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter
from runtime.settings import load_settings
from schemas.records import DeadLetter
from schemas.topics import order_key
from tests.harness.topics import make_topics

LETTER = DeadLetter("rejected", "RejectedError", "no", "journal", 0, 0, b"7", 1, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def reads(kafka: str, prefix: str) -> Iterator[KafkaReads]:
    """A deployment in which nothing has happened yet."""
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, "kafka")
    make_topics(settings)
    with KafkaReads(settings) as reads:
        yield reads


def put(reads: KafkaReads, count: int) -> list[Letter]:
    """Write so many letters, and return them."""
    producer = Producer({"bootstrap.servers": reads.settings.kafka_bootstrap_servers})
    for offset in range(count):
        letter = replace(LETTER, offset=offset, original_key=order_key(1000 + offset))
        key = f"0/{offset}".encode()
        producer.produce(reads.topics.dead_letters, b"as it came", key, 0, headers=[*letter.to_headers()])
    assert producer.flush(30) == 0
    reads.wait_for_hidden(reads.topics.dead_letters)
    return choose(reads)


@pytest.mark.parametrize("act", [drop_letters, retry_letters])
def test_letters_that_go_while_it_works_are_not_counted(reads: KafkaReads, act: Any) -> None:
    letters = put(reads, 150)  # more than a page
    told: list[int] = []

    def lose(done: int) -> None:
        told.append(done)
        if len(told) == 1:
            assert drop_letters(reads, letters[100:120]) == 20
            reads.wait_for_hidden(reads.topics.dead_letters)  # a commit is seen a moment after its answer

    assert act(reads, letters, told=lose) == 130
    assert told == [100, 130]
    reads.wait_for_hidden(reads.topics.dead_letters)
    assert choose(reads) == []
    assert act(reads, letters) == 0
    reads.wait_for_hidden(reads.topics.journal)
    published = len(list(reads.whole(reads.topics.journal)))
    assert published == (130 if act is retry_letters else 0)


@pytest.mark.parametrize(("command", "did"), [("drop", "dropped"), ("retry", "published again")])
def test_what_was_gone_already_is_reported(
    reads: KafkaReads, monkeypatch: pytest.MonkeyPatch, command: str, did: str
) -> None:
    def choose_and_lose(*arguments: Any) -> list[Letter]:
        found = choose(*arguments)
        drop_letters(reads, found[:1])
        reads.wait_for_hidden(reads.topics.dead_letters)
        return found

    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": reads.settings.kafka_bootstrap_servers,
        "TOPIC_PREFIX": reads.settings.topic_prefix,
    }
    app = build(["dead-letters"])

    def run(*options: str) -> Any:
        return CliRunner().invoke(app, ["dead-letters", command, "--execute", *options], env=environment)

    with monkeypatch.context() as patch:
        patch.setattr(dead_letters, "choose", choose_and_lose)
        put(reads, 3)
        ran = run()
        assert ran.exit_code == 0, ran.output
        assert f"{did}: 2, were gone already: 1\n" in ran.stdout
        put(reads, 3)
        assert '"count": 2, "gone": 1' in run("--json").stdout
    put(reads, 1)
    none = run("--reason", "cut")
    assert f"{did}: 0\n" in none.stdout
    assert none.stderr.count("none of these; there are: 1 rejected") == 1
