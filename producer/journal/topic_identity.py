"""Is the journal topic still the one that the cursor belongs to?"""

import time

from confluent_kafka.admin import AdminClient

from runtime.logging import get_logger
from runtime.topic_identity import SECONDS, TopicIdentity, find_identities
from schemas.topics import TopicProblem, Topics, ensure_topics

CREATE_SECONDS = 60.0

log = get_logger(__name__)


class NewTopic(Exception):
    """The journal topic was created again: the term ends, the next one starts over."""


def find_identity(admin: AdminClient, topics: Topics, partitions: int) -> TopicIdentity:
    """Return the journal topic's identity; missing topics are created first. KafkaException, TopicProblem."""
    until = time.monotonic() + CREATE_SECONDS
    while True:
        found = find_identities(admin, topics.all)
        missing = [name for name in topics.all if name not in found]
        if not missing:
            return found[topics.journal]
        if time.monotonic() > until:
            raise TopicProblem("the topics were created but the broker does not show them; try again")
        log.warning("topics are missing: creating them", topics=missing)
        ensure_topics(admin, topics, partitions, seconds=SECONDS)
