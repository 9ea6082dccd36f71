"""confluent-kafka's consumer in a loop, committing after each message."""

from confluent_kafka import Consumer

from bench.rivals import job
from bench.rivals.send import send


def main() -> None:
    """Run until killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": job.KAFKA,
            "group.id": f"{job.PREFIX}-plain",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([f"{job.PREFIX}.journal"])
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error() is not None:
            continue
        value = message.value()
        assert isinstance(value, bytes)
        send(value)
        consumer.commit(message=message, asynchronous=False)


if __name__ == "__main__":
    main()
