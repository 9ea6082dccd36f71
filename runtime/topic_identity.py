"""What distinguishes a topic from another one of the same name, and whether the journal still has its partitions.

Topics are described: asking for their metadata could create them.
"""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from schemas.topics import TopicProblem

SECONDS = 5.0


class PartitionsChanged(TopicProblem):
    """The journal has another number of partitions than it was first written with; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """`topic_id` changes when a topic is deleted and created again."""

    name: str
    topic_id: str
    partitions: int

    def check_partitions(self, before: int) -> None:
        """Raise PartitionsChanged where it had another number of partitions."""
        check_partitions(self.name, self.partitions, before)


def ask_identities(admin: AdminClient, topics: Iterable[str]) -> dict[str, "Future[Any]"]:
    """Ask, without waiting; `resolve_identity` takes what a future brings."""
    return admin.describe_topics(TopicCollection(list(topics)), request_timeout=SECONDS)


def resolve_identity(answer: "Future[Any]", seconds: float | None = None) -> TopicIdentity | None:
    """Return the identity, None of a topic that does not exist; KafkaException, also when no answer comes in time."""
    try:
        described = answer.result(seconds)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "a topic could not be described in time")) from None
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise
    return TopicIdentity(described.name, str(described.topic_id), len(described.partitions))


def find_identities(admin: AdminClient, topics: Iterable[str]) -> dict[str, TopicIdentity]:
    """Ask and wait; topics that do not exist are left out. KafkaException."""
    answers = ask_identities(admin, topics)
    found = {topic: resolve_identity(answer, 2 * SECONDS) for topic, answer in answers.items()}
    return {topic: identity for topic, identity in found.items() if identity is not None}


def topic_id(admin: AdminClient, topic: str) -> str:
    """Return the id of a topic that exists; KafkaException."""
    if (identity := resolve_identity(ask_identities(admin, [topic])[topic], 2 * SECONDS)) is None:
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"there is no topic {topic}"))
    return identity.topic_id


def check_partitions(topic: str, count: int, before: int) -> None:
    """Raise PartitionsChanged unless the counts are equal."""
    if count != before:
        raise PartitionsChanged(
            f"{topic} has {count} partitions and had {before}: orders would be looked up in the wrong place. Move to a"
            " new TOPIC_PREFIX: the look at SALESmanago keeps purchases from being doubled"
        )
