"""A key lies where Java clients and librdkafka would put it."""

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient

from schemas.partitioner import murmur2, partition_of
from schemas.topics import Topics, ensure_topics, order_key


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_the_one_of_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_librdkafka_puts_every_order_into_the_same_partition(kafka: str, prefix: str) -> None:
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics, 7)
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    placed: dict[bytes, int | None] = {}

    def note(error: object, message: Message) -> None:
        key = message.key()
        assert error is None and isinstance(key, bytes)
        placed[key] = message.partition()

    keys = [order_key(order_id) for order_id in (*range(1, 300), 747_000_001, 2_147_483_648, 2**62)]
    for key in keys:
        producer.produce(topics.journal, key=key, on_delivery=note)
    producer.flush(30)
    assert placed == {key: partition_of(key, 7) for key in keys}
