"""`python -m runtime.group_child`: describes groups for its parent, and may be ended by the library at any time.

Such a request goes to the group's coordinator; when its time runs out while the broker is away, librdkafka up to 2.16
may abort the process (rd_kafka_enq_once_del_source_return; librdkafka issue 4605). So it is made in this one, which
holds nothing. Lines of JSON: the client's configuration first, then `{"group", "seconds", "topic"}` each (`topic` null
= any); answered by
`{"members": [[client id, host, [partition, …]], …]}` or `{"code", "text"}` of Kafka's error. Ends with its input.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

AGAIN_SECONDS = 0.2
MOVING = {  # the group is moving to its coordinator: asked again within the time that is given
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}


def main() -> None:
    """Answer until the input ends."""
    admin = AdminClient(json.loads(sys.stdin.readline()))
    for asked in sys.stdin:
        print(json.dumps(_answer(admin, **json.loads(asked))), flush=True)
    os._exit(0)  # at once: there is nothing to put in order


def _answer(admin: AdminClient, group: str, seconds: float, topic: str | None = None) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while True:
        try:
            left = max(AGAIN_SECONDS, until - time.monotonic())
            described = admin.describe_consumer_groups([group], request_timeout=left)[group].result()
            break
        except KafkaException as error:
            code = error.args[0].code()
            if code not in MOVING or time.monotonic() + AGAIN_SECONDS >= until:
                return {"code": code, "text": error.args[0].str()}
            time.sleep(AGAIN_SECONDS)
    return {
        "members": [
            [member.client_id, member.host, sorted(_numbers(member.assignment.topic_partitions, topic))]
            for member in described.members
        ]
    }


def _numbers(partitions: Iterable[TopicPartition], topic: str | None) -> list[int]:
    return [part.partition for part in partitions if topic in {None, part.topic}]


if __name__ == "__main__":
    main()
