"""A tool's transaction that fails is ended at once: nothing stays hidden behind it until the broker's time-out."""

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from operations.transaction import NotWritten, transaction
from runtime.kafka import transactional_producer_config
from schemas.registry import RegistryUnavailable
from tests.operations.shop import empty_topics

SOON = 5.0  # seconds; the broker itself ends a transaction after ten


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), NotWritten),
        (BufferError("full"), NotWritten),
        (RegistryUnavailable("no"), RegistryUnavailable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_fails_on_the_way_ends_the_transaction(
    kafka: str, error: BaseException, raised: type[BaseException]
) -> None:
    with empty_topics(kafka) as reads:
        producer = Producer(transactional_producer_config(reads.settings, reads.settings.topic_prefix))
        producer.init_transactions(30)
        topic = reads.topics.deliveries
        with pytest.raises(raised), transaction(producer):
            producer.produce(topic, partition=0, key=b"7", value=b"half")
            assert producer.flush(30) == 0
            raise error
        reads.wait_for_hidden(topic, SOON)
        with transaction(producer):
            producer.produce(topic, partition=0, key=b"7", value=b"whole")
        reads.wait_for_hidden(topic, SOON)
        assert [message.value() for message in reads.whole(topic)] == [b"whole"]
