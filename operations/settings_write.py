"""One row into `<prefix>.settings`, if and only if it lies right behind what was read (see live_settings)."""

from confluent_kafka import KafkaException, Producer

from operations.kafka_reads import KafkaReads
from operations.output import Refused
from operations.settings_rows import end_of, read_rows
from runtime.complaints import told_by
from runtime.kafka import transactional_producer_config
from schemas.records import ShopSettings, Switch

TRANSACTION_SECONDS = 20.0


def write(reads: KafkaReads, key: bytes, record: ShopSettings | Switch, expected: int | None) -> None:
    """Write it as a transaction that fences every other writer of ours; Refused, KafkaException."""
    topic = reads.topics.settings
    config = transactional_producer_config(reads.settings, f"{reads.settings.topic_prefix}-settings")
    producer = Producer({**config, "allow.auto.create.topics": False})
    value = reads.codec.encode(record)
    producer.init_transactions(TRANSACTION_SECONDS)  # whoever else is saving is fenced, and what is half done ends
    current = read_rows(reads)
    if expected is not None and current.last != expected:
        newer = next((one for one in reversed(current.history) if one.offset > expected), None)
        by = f" by {newer.changed_by} at {newer.changed_at:%Y-%m-%d %H:%M:%S} UTC" if newer is not None else ""
        raise Refused(f"the settings were changed meanwhile{by}: look at them again, nothing was saved")
    end = end_of(reads)
    producer.begin_transaction()
    try:
        producer.produce(topic, partition=0, key=key, value=value)
        left = producer.flush(TRANSACTION_SECONDS)
        alone = end_of(reads) == end + 1
    except (KafkaException, BufferError) as error:  # fenced by another writer, among others
        _abort(producer)
        raise Refused(
            f"somebody else saves at this moment, or Kafka did not take it; look again: {told_by(error)}"
        ) from None
    if left or not alone:
        _abort(producer)
        raise Refused("the settings were changed at the same moment: look at them again, nothing was saved")
    try:
        producer.commit_transaction(TRANSACTION_SECONDS)
    except KafkaException as error:
        if error.args[0].txn_requires_abort() or error.args[0].fatal():
            _abort(producer)
            raise Refused(f"somebody else saved at the same moment ({told_by(error)}): look again") from None
        raise Refused(f"Kafka did not say whether it took it ({told_by(error)}): look again") from None
    reads.wait_for_hidden(topic)  # what is saved is seen by the next look


def _abort(producer: Producer) -> None:
    try:
        producer.abort_transaction(TRANSACTION_SECONDS)
    except KafkaException:
        return
