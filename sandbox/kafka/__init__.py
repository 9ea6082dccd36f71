"""A local Kafka, by the first way there is."""

from sandbox.kafka.errors import NoKafka
from sandbox.kafka.start import RunningKafka, start_kafka

__all__ = ["NoKafka", "RunningKafka", "start_kafka"]
