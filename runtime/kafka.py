"""Configuration of the Kafka clients: what the promises rest on is fixed here, the rest comes from `KAFKA_*`."""

from typing import Any

from confluent_kafka import Consumer, TopicPartition

from runtime.client_errors import ClientErrorLog
from runtime.settings import Settings

CONSUMER_ONLY = ("group.", "fetch.", "heartbeat.", "partition.assignment", "queued.", "max.partition", "check.crcs")
PRODUCER_ONLY = ("linger.", "batch.", "compression.", "queue.buffering", "sticky.", "message.max")
TRANSACTION_MS = 10_000
ASSIGNOR = "cooperative-sticky"  # chosen by test results: docs/guarantees.md
MEMBER = "bl2sm"


def member_name(http_port: int | None) -> str:
    """Return the clients' id: from it the operator's tools know at which port a member serves /readyz and /metrics."""
    return f"{MEMBER}-{http_port}" if http_port else MEMBER


def is_member(client_id: str) -> bool:
    """Whether a client id is one of this program's own: others may read its topics in groups of theirs."""
    return client_id == MEMBER or client_id.startswith(f"{MEMBER}-")


def port_of(client_id: str) -> int | None:
    """Return the port in a member's client id."""
    name, _, port = client_id.rpartition("-")
    return int(port) if name == MEMBER and port.isdecimal() else None


def _common(settings: Settings, without: tuple[str, ...]) -> dict[str, Any]:
    own = {name: value for name, value in settings.kafka_properties.items() if not name.startswith(without)}
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": member_name(settings.http_port),
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 500,
        "reconnect.backoff.max.ms": 5000,
        "log_level": 2,  # without the lines about lost connections: `ClientErrorLog` logs these, and less often
        **own,
    }


def admin_config(settings: Settings) -> dict[str, Any]:
    """Return what an AdminClient takes."""
    return {"error_cb": ClientErrorLog(), **_common(settings, CONSUMER_ONLY + PRODUCER_ONLY)}


def consumer_config(settings: Settings, group_id: str, **over: Any) -> dict[str, Any]:
    """Return what a Consumer takes; the offsets are committed by a producer's transactions."""
    config = {
        "error_cb": ClientErrorLog(),
        **_common(settings, PRODUCER_ONLY),
        "group.id": group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "max.poll.interval.ms": 300_000,
        "fetch.wait.max.ms": 100,
        **over,
    }
    if not assigned_by_broker(settings):
        config["session.timeout.ms"] = settings.session_timeout_ms
        config.setdefault("heartbeat.interval.ms", 2000)
        config.setdefault("partition.assignment.strategy", ASSIGNOR)
    return config


def cooperative(settings: Settings) -> bool:
    """Whether partitions come and go one by one (incremental_assign), or all of them at each rebalance (assign)."""
    assignor = settings.kafka_properties.get("partition.assignment.strategy", ASSIGNOR)
    return assigned_by_broker(settings) or "cooperative" in assignor


def assign_paused(consumer: Consumer, partitions: list[TopicPartition], one_by_one: bool) -> None:
    """In `on_assign`: take partitions, paused; pausing needs the assignment first."""
    if one_by_one:
        consumer.incremental_assign(partitions)
    else:
        consumer.assign(partitions)
    if partitions:
        consumer.pause(partitions)


def unassign(consumer: Consumer, partitions: list[TopicPartition], one_by_one: bool) -> None:
    """In `on_revoke` and `on_lost`: give up these partitions, or all of them where they come and go together."""
    if one_by_one:
        consumer.incremental_unassign(partitions)
    else:
        consumer.unassign()


def assigned_by_broker(settings: Settings) -> bool:
    """Whether the broker assigns the partitions (KIP-848); sessions are its own then, too."""
    return settings.kafka_properties.get("group.protocol", "classic").lower() == "consumer"


def transactional_producer_config(settings: Settings, transactional_id: str) -> dict[str, Any]:
    """Return what a transactional Producer takes; keys go to partitions as Java clients send them."""
    return {
        "linger.ms": 5,
        "compression.type": "zstd",
        **_common(settings, CONSUMER_ONLY),
        "transactional.id": transactional_id,
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "transaction.timeout.ms": TRANSACTION_MS,
        "message.timeout.ms": TRANSACTION_MS - 1000,
    }
