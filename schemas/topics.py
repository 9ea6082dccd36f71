"""Topic names, their settings, and the check that existing ones keep the promises."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

SHOWN_SECONDS = 60.0  # a busy broker takes its time to show a new topic
DAY_MS = 24 * 3600 * 1000
HISTORY_MS = 365 * DAY_MS  # so long every change of the settings stays to be seen


class TopicProblem(Exception):
    """Topics are not as the promises need them; each line says what to mend."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The names under one prefix."""

    prefix: str

    @property
    def journal(self) -> str:
        """Entries, keyed by order id."""
        return f"{self.prefix}.journal"

    @property
    def cursor(self) -> str:
        """How far the journal was read."""
        return f"{self.prefix}.cursor"

    @property
    def deliveries(self) -> str:
        """The ledger."""
        return f"{self.prefix}.deliveries"

    @property
    def dead_letters(self) -> str:
        """What can never succeed."""
        return f"{self.prefix}.dead-letters"

    @property
    def settings(self) -> str:
        """What the shop chose, and the switch that pauses the processors."""
        return f"{self.prefix}.settings"

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic of a deployment."""
        return self.journal, self.cursor, self.deliveries, self.dead_letters, self.settings


def ensure_topics(
    admin: AdminClient,
    topics: Topics,
    partitions: int = 6,
    replication_factor: int = -1,
    seconds: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Create what is missing, check what is there; return the journal's partition count or raise TopicProblem.

    Several programs may do this at once. KafkaException when the broker does not answer.
    """
    known = admin.list_topics(timeout=seconds).topics
    if topics.journal in known:
        partitions = len(known[topics.journal].partitions)
    elif topics.deliveries in known:  # the journal was deleted: its rows stay where they are
        partitions = len(known[topics.deliveries].partitions)
    settings: dict[str, tuple[int, dict[str, str]]] = {
        topics.journal: (
            partitions,
            {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS), "retention.bytes": "-1"},
        ),
        topics.cursor: (1, {"cleanup.policy": "compact"}),
        topics.deliveries: (partitions, {"cleanup.policy": "compact"}),
        topics.dead_letters: (partitions, {"cleanup.policy": "compact,delete", "retention.ms": str(90 * DAY_MS)}),
        topics.settings: (1, {"cleanup.policy": "compact", "min.compaction.lag.ms": str(HISTORY_MS)}),
    }
    missing = [
        NewTopic(name, num_partitions=count, replication_factor=replication_factor, config=config)
        for name, (count, config) in settings.items()
        if name not in known
    ]
    if missing:
        for name, future in admin.create_topics(missing, request_timeout=seconds).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise TopicProblem(f"{name}: could not be created ({error.args[0].str()})") from None
    until = clock() + max(seconds, SHOWN_SECONDS)
    while True:
        known = admin.list_topics(timeout=seconds).topics
        if all(name in known and known[name].partitions for name in topics.all):
            break
        if clock() > until:
            raise TopicProblem("the topics were created but the broker does not show them; try again")
        sleep(0.1)
    counts = {name: len(known[name].partitions) for name in topics.all}
    _refuse(topics, counts, _policies(admin, topics, seconds))
    return counts[topics.journal]


def check_topics(admin: AdminClient, topics: Topics, seconds: float = 10.0) -> int:
    """Check what is there and create nothing; return the journal's partition count or raise TopicProblem."""
    known = admin.list_topics(timeout=seconds).topics
    if missing := [name for name in topics.all if name not in known]:
        raise TopicProblem(f"missing: {', '.join(missing)}")
    counts = {name: len(known[name].partitions) for name in topics.all}
    _refuse(topics, counts, _policies(admin, topics, seconds))
    return counts[topics.journal]


def _policies(admin: AdminClient, topics: Topics, seconds: float) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in topics.all]
    answers = admin.describe_configs(asked, request_timeout=seconds)
    return {
        resource.name: {name: entry.value or "" for name, entry in future.result().items()}
        for resource, future in answers.items()
    }


def _refuse(topics: Topics, counts: dict[str, int], configs: dict[str, dict[str, str]]) -> None:
    problems = []
    journal = counts[topics.journal]
    if counts[topics.cursor] != 1:
        problems.append(
            f"{topics.cursor}: has {counts[topics.cursor]} partitions, must have 1: delete it, it is rebuilt"
        )
    if counts[topics.settings] != 1:
        problems.append(
            f"{topics.settings}: has {counts[topics.settings]} partitions, must have 1: note what `bl2sm settings`"
            " shows, delete it, and save it again"
        )
    for name in (topics.deliveries, topics.dead_letters):
        if counts[name] != journal:
            problems.append(
                f"{name}: has {counts[name]} partitions, {topics.journal} has {journal}; they must be equal, for a row"
                " lies in the partition of its entry. Use another TOPIC_PREFIX, or recreate the topics"
            )
    wanted = {
        topics.journal: {"delete"},
        topics.cursor: {"compact"},
        topics.deliveries: {"compact"},
        topics.settings: {"compact"},
    }
    for name, policy in wanted.items():
        found = {part.strip() for part in configs[name].get("cleanup.policy", "").split(",")}
        if found != policy:
            problems.append(
                f"{name}: cleanup.policy is {','.join(sorted(found))}, must be {','.join(policy)}: set it with"
                f" kafka-configs --alter --entity-type topics --entity-name {name}"
                f" --add-config cleanup.policy={','.join(policy)}"
            )
    retention = int(configs[topics.journal].get("retention.ms") or -1)
    if 0 <= retention < 3 * DAY_MS:
        problems.append(f"{topics.journal}: retention.ms is {retention}, must be at least 3 days ({3 * DAY_MS})")
    size = int(configs[topics.journal].get("retention.bytes") or -1)
    if size >= 0:
        problems.append(
            f"{topics.journal}: retention.bytes is {size}, must be -1: entries could be deleted before they are read."
            f" Set it with kafka-configs --alter --entity-type topics --entity-name {topics.journal}"
            " --add-config retention.bytes=-1"
        )
    if problems:
        raise TopicProblem("\n".join(problems))


def order_key(order_id: int) -> bytes:
    """Return the message key of an order."""
    return str(order_id).encode()


def parse_order_key(key: bytes | None) -> int:
    """Return the order id of a key; ValueError with a sentence when it is none."""
    if key is None or not key.isdigit() or len(key) > 19 or key.startswith(b"0"):
        raise ValueError("the key is not an order id (a positive decimal number)")
    order_id = int(key)
    if order_id >= 2**63:
        raise ValueError("the key is a larger number than an order id can be")
    return order_id
