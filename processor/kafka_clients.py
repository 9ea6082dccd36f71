"""The Kafka clients of one membership of the group."""

from dataclasses import dataclass

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from runtime.assignment_known import AssignmentKnown
from runtime.kafka import consumer_config
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class KafkaClients:
    """`member` is in the group; `loader` reads the ledger and `follower` the saved settings, both without a group."""

    admin: AdminClient
    member: Consumer
    loader: Consumer
    follower: Consumer
    known: AssignmentKnown

    def close(self) -> None:
        """Leave the group."""
        for consumer in (self.member, self.loader, self.follower):
            consumer.close()


def connect(settings: Settings, admin: AdminClient) -> KafkaClients:
    """Make the consumers of one membership; none has joined yet."""
    known = AssignmentKnown(settings)
    alone = settings.model_copy(
        update={"kafka_properties": {k: v for k, v in settings.kafka_properties.items() if k != "group.protocol"}}
    )
    ledger = consumer_config(alone, f"{settings.group_id}-ledger", **{"queued.max.messages.kbytes": 16384})
    saved = consumer_config(alone, f"{settings.group_id}-settings", **{"queued.max.messages.kbytes": 1024})
    member = Consumer(consumer_config(settings, settings.group_id, **known.config()))
    return KafkaClients(admin, member, Consumer(ledger), Consumer(saved), known)
