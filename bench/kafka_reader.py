"""`python -m bench.kafka_reader BROKER TOPIC QUEUED_KB WAIT_MS`: read a topic to its end; seconds and MB as JSON."""

import json
import resource
import sys
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition


def main() -> None:
    """Read, as the ledger's loader does."""
    kafka, topic, queued, wait = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "bench",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": int(queued),
            "fetch.wait.max.ms": int(wait),
            "log_level": 3,
        }
    )
    count = len(consumer.list_topics(topic, 30).topics[topic].partitions)
    began, ended = time.monotonic(), 0
    consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
    while ended < count:
        for message in consumer.consume(2000, 0.2):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                ended += 1
            else:
                message.value()
    seconds = time.monotonic() - began
    consumer.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
