"""A console in the test's own process, without Kafka: what is saved is given, what it shows of the queue is empty."""

from contextlib import AbstractContextManager

from console.program import Program, Seen
from operations.kafka_reads import KafkaReads
from operations.live_settings import Current
from operations.topic_reads import KafkaAway
from runtime.settings import load_settings
from tests.console.clients import PASSWORD

GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "TOPIC_PREFIX": "nowhere",
    "CONSOLE_PASSWORD": PASSWORD,
    "CONSOLE_NAMES": "shop.example",
}


class Offline(Program):
    """`held` = what was saved."""

    held = Current()

    def __init__(self) -> None:
        super().__init__(load_settings(GIVEN, None, need="kafka"))

    def current(self) -> Current:
        """Return what the test holds."""
        return self.held

    def reads(self) -> AbstractContextManager[KafkaReads]:
        """Refuse at once: there is no Kafka."""
        raise KafkaAway("Kafka does not answer")

    def look(self, fresh: bool = False) -> Seen:
        """Return an empty queue."""
        return Seen(None, self.held, ())
