"""Kafka in a container, by testcontainers and the image apache/kafka."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

IMAGE = "apache/kafka:4.1.1"


def lacks() -> str | None:
    """What this way lacks here, or None."""
    try:
        import docker  # noqa: PLC0415 - optional
        from testcontainers.core.container import DockerContainer  # noqa: F401, PLC0415 - optional
    except ImportError:
        return "testcontainers is not installed: pip install 'baselinker-salesmanago[sandbox]'"
    try:
        client = docker.from_env(timeout=5)
        client.ping()
    except Exception as error:
        return f"no container engine answers ({type(error).__name__}): start one"
    try:
        client.images.get(IMAGE)
    except Exception:
        try:
            client.images.pull(IMAGE)
        except Exception as error:
            return f"the image {IMAGE} is not there and can't be pulled ({type(error).__name__})"
    return None


@contextmanager
def run(port: int) -> Iterator[str]:
    """Run the broker; it waits inside until its mapped port is known, for it must advertise it."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - optional
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - optional
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415 - optional

    testcontainers_config.ryuk_disabled = True  # this program stops what it starts; the reaper is another image to pull
    broker: Any = DockerContainer(IMAGE)
    if port:
        broker.with_bind_ports(9092, port)
    else:
        broker.with_exposed_ports(9092)
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "INTER_BROKER_LISTENER_NAME": "INSIDE",
        "LISTENERS": "OUTSIDE://:9092,CONTROLLER://:9093,INSIDE://:19092",
        "LISTENER_SECURITY_PROTOCOL_MAP": "OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "HEAP_OPTS": "-Xmx512m",
    }
    for name, value in settings.items():
        broker.with_env(f"KAFKA_{name}", value)
    broker.with_command(["sh", "-c", "until [ -f /tmp/ready ]; do sleep 0.1; done; . /tmp/start.sh"])
    with broker:
        address = f"{broker.get_container_host_ip()}:{broker.get_exposed_port(9092)}"
        script = (
            f"export KAFKA_ADVERTISED_LISTENERS=OUTSIDE://{address},INSIDE://localhost:19092\n"
            "exec /etc/kafka/docker/run\n"
        )
        broker.exec(["sh", "-c", f"printf '%s' '{script}' > /tmp/start.sh && touch /tmp/ready"])
        LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(90).wait_until_ready(broker)
        yield address
