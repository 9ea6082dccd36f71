"""Hundreds of hostile messages between a shop's entries, on a real Kafka: orders arrive, the rest are dead letters."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from schemas.codec import make_codec
from schemas.records import DeadLetter, dead_letter_from_headers
from schemas.topics import Topics, ensure_topics
from tests.harness.cases import cases
from tests.harness.judge import wrong
from tests.harness.programs import Programs, settings
from tests.harness.seed import SEED
from tests.harness.stand_ins import sandbox
from tests.harness.topics import headers_of, publish_shop, read_whole
from tests.hostile.references import entry

Headers = list[tuple[str, str | bytes | None]]
Message = tuple[int, bytes | None, bytes | None, Headers]


def rubbish(chance: random.Random, count: int, good: bytes) -> list[Message]:
    """Partition, key, value and headers of messages that are no entries, each of another kind."""
    kinds: list[Callable[[], tuple[bytes | None, bytes | None, Headers]]] = [
        lambda: (str(chance.randrange(1, 99)).encode(), chance.randbytes(chance.randrange(80)), []),
        lambda: (b"5", None, [("why", None)]),
        lambda: (chance.randbytes(9), good, []),
        lambda: (None, good, []),
        lambda: (b"8", good, []),
        lambda: (b"7", good[: chance.randrange(len(good))], []),
        lambda: (b"7", good + b"x", []),
        lambda: (b"7", b"\x00" + chance.randbytes(4) + good[10:], []),
        lambda: (b"7", b"\xc3\x01" + chance.randbytes(8) + good[10:], []),
        lambda: (b"7", good[:10] + b"\xff" * 2000, []),
        lambda: (b"9" * 500, chance.randbytes(50_000), [(f"h{i}", chance.randbytes(900)) for i in range(40)]),
        lambda: (b"6", b"", [("error.reason", b"forged"), ("error.offset", b"x"), ("\u017c", b"\xff\x00")]),
        lambda: (b"", b"nick@example.com", [("", b"")]),
    ]
    return [(chance.randrange(6), *kinds[number % len(kinds)]()) for number in range(count)]


def test_every_hostile_message_is_one_dead_letter_and_every_order_arrives(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics)
    messages = rubbish(chance, 300, make_codec(topics, None).encode(entry(7)))
    with (
        sandbox("--orders", "30", "--seed", str(SEED)) as apis,
        Programs(settings(apis, kafka, prefix) | {"MAX_CONSECUTIVE_DEAD_LETTERS": "100000"}, tmp_path) as programs,
    ):
        hostile = Producer({"bootstrap.servers": kafka})

        def publish(some: list[Message]) -> None:
            for partition, key, value, headers in some:
                hostile.produce(topics.journal, partition=partition, key=key, value=value, headers=headers)
            assert hostile.flush(30) == 0

        publish(messages[:150])
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        publish(messages[150:])
        logged = programs.log(programs.catch_up("processor"))
        assert wrong(apis) == []
    letters = read_whole(kafka, topics.dead_letters)
    sent = {(message.partition(), message.offset()): message for message in read_whole(kafka, topics.journal)}
    seen: dict[tuple[int, int], DeadLetter] = {}
    for message in letters:
        headers = headers_of(message)
        letter = dead_letter_from_headers(headers)
        place = letter.partition, letter.offset
        assert place not in seen, "one dead letter per message"
        seen[place] = letter
        assert message.key() == f"{letter.partition}/{letter.offset}".encode()
        was = sent[place]
        assert letter.original_key == was.key()
        assert message.value() == (was.value() or b"")  # without a value it would be a tombstone
        kept = [header for header in headers if not header[0].startswith("error.")]
        assert kept == [header for header in headers_of(was) if not header[0].startswith("error.")]
        assert letter.reason in {"empty_value", "undecodable", "bad_key", "key_mismatch"}
        assert letter.message
        assert "nick" not in letter.message
        assert letter.topic == topics.journal
    rest = Counter((was.key(), was.value()) for place, was in sent.items() if place in seen)
    assert rest == Counter((key, value) for _, key, value, _ in messages)
    assert "nick@example.com" not in logged


@pytest.mark.skipif(cases(0, 1) == 0, reason="waits for a time-out: in the soak profile only")
@pytest.mark.parametrize("kind", ["as large as a producer sends", "larger than a topic takes, packed"])
def test_a_message_too_large_for_a_dead_letter_does_not_stop_the_others(
    kafka: str, prefix: str, tmp_path: Path, kind: str
) -> None:
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics)
    packed = {"message.max.bytes": 20_000_000, "compression.type": "gzip"} if "packed" in kind else {}
    hostile = Producer({"bootstrap.servers": kafka, **packed})
    hostile.produce(topics.journal, key=b"1", value=b"x" * (5_000_000 if packed else 999_700), partition=0)
    assert hostile.flush(30) == 0
    with (
        sandbox("--orders", "10") as apis,
        Programs(settings(apis, kafka, prefix), tmp_path) as programs,
    ):
        programs.finish()
        assert wrong(apis) == []
