"""Configuration of the Kafka clients: what the promises rest on is fixed here, the rest comes from `KAFKA_*`."""

from typing import Any

from confluent_kafka import KafkaException, Producer

from runtime.settings import Settings

FIXED = {
    "acks", "allow.auto.create.topics", "auto.offset.reset", "enable.auto.commit", "enable.auto.offset.store",
    "enable.idempotence", "enable.partition.eof", "group.id", "group.instance.id", "isolation.level",
    "message.timeout.ms", "delivery.timeout.ms", "partitioner", "transaction.timeout.ms", "transactional.id",
    "bootstrap.servers", "request.required.acks", "max.in.flight", "max.in.flight.requests.per.connection",
    "enable.gapless.guarantee", "auto.commit.enable", "retries", "message.send.max.retries", "session.timeout.ms",
    "max.poll.interval.ms", "test.mock.num.brokers",
}  # fmt: skip
CONSUMER_ONLY = ("group.", "fetch.", "heartbeat.", "partition.assignment", "queued.", "max.partition", "check.crcs")
PRODUCER_ONLY = ("linger.", "batch.", "compression.", "queue.buffering", "sticky.", "message.max")
TRANSACTION_MS = 10_000


def known_property(name: str) -> bool:
    """Whether librdkafka has a property of this name."""
    try:
        Producer({name: "\x00", "no.such.property": "x"})
    except KafkaException as error:
        return f'"{name}"' not in str(error) or "No such configuration property" not in str(error)
    except (TypeError, ValueError):
        return False
    return True


def _common(settings: Settings, without: tuple[str, ...]) -> dict[str, Any]:
    own = {name: value for name, value in settings.kafka_properties.items() if not name.startswith(without)}
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": "bl2sm",
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 5000,
        "log_level": 3,
        **own,
    }


def admin_config(settings: Settings) -> dict[str, Any]:
    """Return what an AdminClient takes."""
    return _common(settings, CONSUMER_ONLY + PRODUCER_ONLY)


def consumer_config(settings: Settings, group_id: str, **over: Any) -> dict[str, Any]:
    """Return what a Consumer takes; the offsets are committed by a producer's transactions."""
    config = {
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
    if config.get("group.protocol") != "consumer":
        config["session.timeout.ms"] = settings.session_timeout_ms
        config.setdefault("heartbeat.interval.ms", 2000)
    return config


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
