"""A transaction that fails is ended at once: nothing stays hidden behind it until the broker's time-out."""

import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from operations.kafka_reads import KafkaReads
from runtime.kafka import transactional_producer_config
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, TransactionalWriter
from schemas.registry import RegistryUnavailable
from tests.operations.shop import empty_topics

SOON = 5.0  # seconds; the broker itself ends a transaction after ten


def writer_of(reads: KafkaReads, name: str = "") -> TransactionalWriter:
    """An opened writer."""
    config = transactional_producer_config(reads.settings, name or f"writer-{uuid.uuid4()}")
    writer = TransactionalWriter(lambda: Producer(config))
    writer.open()
    return writer


def row(reads: KafkaReads, value: bytes) -> OutgoingMessage:
    """A message for the ledger topic."""
    return OutgoingMessage(reads.topics.deliveries, 0, b"7", value)


def raising(error: BaseException) -> Callable[[], None]:
    """A step that fails."""

    def step() -> None:
        raise error

    return step


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), NotCommitted),
        (BufferError("full"), BufferError),
        (RegistryUnavailable("no"), RegistryUnavailable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_fails_on_the_way_ends_the_transaction(
    kafka: str, error: BaseException, raised: type[BaseException]
) -> None:
    with empty_topics(kafka) as reads:
        writer, topic, fail = writer_of(reads), reads.topics.deliveries, raising(error)
        with pytest.raises(raised), writer.transaction():
            writer.produce(row(reads, b"half"))
            assert writer.flush()
            fail()
        reads.wait_for_hidden(topic, SOON)
        writer.write([row(reads, b"whole")])
        reads.wait_for_hidden(topic, SOON)
        assert [message.value() for message in reads.whole(topic)] == [b"whole"]


def test_a_message_that_kafka_rejects_leaves_nothing_of_its_transaction_and_the_writer_works_on(kafka: str) -> None:
    with empty_topics(kafka) as reads:
        writer = writer_of(reads)
        with pytest.raises(NotCommitted, match="too large"):
            writer.write([row(reads, b"half"), row(reads, b"x" * 2_000_000)])
        writer.write([row(reads, b"whole")])
        reads.wait_for_hidden(reads.topics.deliveries, SOON)
        assert [message.value() for message in reads.whole(reads.topics.deliveries)] == [b"whole"]


def test_a_writer_is_fenced_by_a_later_one_of_its_name_and_can_be_opened_again(kafka: str) -> None:
    with empty_topics(kafka) as reads:
        name = f"writer-{uuid.uuid4()}"
        first, second = writer_of(reads, name), writer_of(reads, name)
        with pytest.raises(Fenced):
            first.write([row(reads, b"first")])
        second.write([row(reads, b"second")])
        first.open()
        first.write([row(reads, b"first, again")])
        with pytest.raises(Fenced):
            second.write([row(reads, b"second, again")])
        reads.wait_for_hidden(reads.topics.deliveries, SOON)
        values = [message.value() for message in reads.whole(reads.topics.deliveries)]
        assert values == [b"second", b"first, again"]
