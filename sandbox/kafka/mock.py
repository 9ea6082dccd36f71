"""librdkafka's built-in mock: memory only, no admin API, transactions accepted but not kept. For the demo alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def run() -> Iterator[str]:
    """Run the mock inside this process."""
    holder = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    brokers = holder.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    holder.flush(1)
