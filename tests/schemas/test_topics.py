import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from schemas.topics import TopicProblem, Topics, ensure_topics, order_key, parse_order_key


def test_missing_topics_are_created_and_found_again(kafka: str, prefix: str) -> None:
    admin, topics = AdminClient({"bootstrap.servers": kafka}), Topics(prefix)
    assert ensure_topics(admin, topics, partitions=3) == 3
    assert ensure_topics(admin, topics, partitions=6) == 3
    assert len(admin.list_topics(timeout=10).topics[topics.settings].partitions) == 1


def test_a_deployment_of_before_is_given_the_topic_that_it_lacks(kafka: str, prefix: str) -> None:
    admin, topics = AdminClient({"bootstrap.servers": kafka}), Topics(prefix)
    ensure_topics(admin, topics, partitions=3)
    admin.delete_topics([topics.settings])[topics.settings].result()
    while topics.settings in admin.list_topics(timeout=10).topics:
        pass
    assert ensure_topics(admin, topics, partitions=6) == 3
    resource = ConfigResource(ResourceType.TOPIC, topics.settings)
    config = admin.describe_configs([resource])[resource].result()
    assert (config["cleanup.policy"].value, config["min.compaction.lag.ms"].value) == ("compact", "31536000000")


def test_topics_that_would_break_the_promises_are_refused_all_at_once(kafka: str, prefix: str) -> None:
    admin, topics = AdminClient({"bootstrap.servers": kafka}), Topics(prefix)
    wrong = [
        NewTopic(topics.journal, 3, 1, config={"cleanup.policy": "compact"}),
        NewTopic(topics.cursor, 2, 1, config={"cleanup.policy": "compact"}),
        NewTopic(topics.deliveries, 4, 1, config={"cleanup.policy": "delete"}),
    ]
    for future in admin.create_topics(wrong).values():
        future.result()
    with pytest.raises(TopicProblem) as refused:
        ensure_topics(admin, topics, partitions=3)
    text = str(refused.value)
    assert text.count("cleanup.policy is") == 2
    assert f"{topics.cursor}: has 2 partitions" in text
    assert f"{topics.deliveries}: has 4 partitions" in text


def test_an_order_key_is_a_positive_number() -> None:
    assert parse_order_key(order_key(2**40)) == 2**40
    for bad in (None, b"", b"0", b"-1", b"1.5", b"12x", b"\xff", b"9" * 30, "٣".encode()):
        with pytest.raises(ValueError, match="order id"):
            parse_order_key(bad)


def murmur2(key: bytes) -> int:
    """The hash of Java's DefaultPartitioner, from its definition."""
    mask, length = 0xFFFFFFFF, len(key)
    h = (0x9747B28C ^ length) & mask
    for at in range(0, length - length % 4, 4):
        k = int.from_bytes(key[at : at + 4], "little") * 0x5BD1E995 & mask
        h = h * 0x5BD1E995 & mask ^ ((k ^ k >> 24) * 0x5BD1E995 & mask)
    for at, byte in reversed(list(enumerate(key[length - length % 4 :]))):
        h ^= byte << 8 * at
    if length % 4:
        h = h * 0x5BD1E995 & mask
    h = (h ^ h >> 13) * 0x5BD1E995 & mask
    return h ^ h >> 15


def test_keys_go_to_partitions_as_java_clients_send_them(kafka: str, prefix: str) -> None:
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics, partitions=6)
    went: dict[bytes, int] = {}
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})

    def note(_: object, message: Message) -> None:
        went[bytes(message.key() or b"")] = message.partition() or 0

    for order_id in range(747_000_000, 747_000_060):
        producer.produce(topics.journal, key=order_key(order_id), on_delivery=note)
    producer.flush()
    assert went == {key: (murmur2(key) & 0x7FFFFFFF) % 6 for key in went}
    assert len(went) == 60
