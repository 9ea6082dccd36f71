"""One row into `<prefix>.settings`, if and only if it lies right behind what was read (see live_settings)."""

from confluent_kafka import Producer

from operations.kafka_reads import KafkaReads
from operations.output import Refused
from operations.settings_rows import end_of, read_rows
from runtime.kafka import transactional_producer_config
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, TransactionalWriter, Unanswered
from schemas.records import ShopSettings, Switch

SECONDS = 20.0


def write(reads: KafkaReads, key: bytes, record: ShopSettings | Switch, expected: int | None) -> None:
    """Write it as a transaction that fences every other writer of ours; Refused, KafkaException."""
    topic = reads.topics.settings
    config = transactional_producer_config(reads.settings, f"{reads.settings.topic_prefix}-settings")
    writer = TransactionalWriter(lambda: Producer({**config, "allow.auto.create.topics": False}), SECONDS)
    value = reads.codec.encode(record)
    writer.open(SECONDS)  # whoever else is saving is fenced, and what is half done ends
    current = read_rows(reads)
    if expected is not None and current.last != expected:
        newer = next((one for one in reversed(current.history) if one.offset > expected), None)
        by = f" by {newer.changed_by} at {newer.changed_at:%Y-%m-%d %H:%M:%S} UTC" if newer is not None else ""
        raise Refused(f"the settings were changed meanwhile{by}: look at them again, nothing was saved")
    end = end_of(reads)
    try:
        with writer.transaction():
            writer.produce(OutgoingMessage(topic, 0, key, value))
            if not writer.flush() or end_of(reads) != end + 1:
                raise Refused("the settings were changed at the same moment: look at them again, nothing was saved")
    except Unanswered as error:
        raise Refused(f"Kafka did not say whether it took it ({error}): look again") from None
    except (NotCommitted, Fenced) as error:  # fenced by another writer, among others
        raise Refused(f"somebody else saves at this moment, or Kafka rejected it; look again: {error}") from None
    reads.wait_for_hidden(topic)  # what is saved is seen by the next look
