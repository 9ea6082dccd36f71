"""A local Kafka, by the first way there is (design §7)."""

from sandbox.kafka.start import NoKafka, RunningKafka, start_kafka

__all__ = ["NoKafka", "RunningKafka", "start_kafka"]
