"""Is the journal topic still the one the cursor speaks of? Its partition count is fixed for life."""

import time
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from runtime.logging import get_logger
from schemas.topics import TopicProblem, Topics, ensure_topics

SECONDS = 5.0
MAKE_SECONDS = 60.0

log = get_logger(__name__)


class NewTopic(Exception):
    """The journal topic was made anew: the term ends, the next one starts over."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a journal topic from another."""

    topic_id: str
    partitions: int


def find_identity(admin: AdminClient, topics: Topics, partitions: int) -> Identity:
    """Return the journal topic's identity; topics that are missing are made first. KafkaException, TopicProblem."""
    until = time.monotonic() + MAKE_SECONDS
    while True:
        found = _describe(admin, topics)
        missing = [name for name in topics.all if name not in found]
        if not missing:
            return found[topics.journal]
        if time.monotonic() > until:
            raise TopicProblem("the topics were created but the broker does not show them; try again")
        log.warning("topics are missing: making them", topics=missing)
        ensure_topics(admin, topics, partitions, seconds=SECONDS)


def _describe(admin: AdminClient, topics: Topics) -> dict[str, Identity]:
    # describing makes no topic, as asking for its metadata might
    found = {}
    futures = admin.describe_topics(TopicCollection(list(topics.all)), request_timeout=SECONDS)
    for name, future in futures.items():
        try:
            described = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        found[name] = Identity(str(described.topic_id), len(described.partitions))
    return found


def check_count(topics: Topics, count: int, cursor_count: int) -> None:
    """Raise TopicProblem when the journal has another count than the cursor says."""
    if count != cursor_count:
        raise TopicProblem(
            f"{topics.journal} has {count} partitions and had {cursor_count}: rows"
            " would be looked up in the wrong place. Move to a new TOPIC_PREFIX"
        )
