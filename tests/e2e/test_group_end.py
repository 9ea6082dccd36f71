"""When a program that is to end when caught up may end: not before the whole group has nothing left."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.consume.caught_up import AGAIN_SECONDS, ASK_SECONDS, GroupCaughtUp
from schemas.topics import Topics, ensure_topics
from tests.harness.judge import wrong
from tests.harness.programs import QUICK, Programs, settings
from tests.harness.stand_ins import sandbox
from tests.harness.topics import committed_offsets, publish_shop, read_whole
from tests.harness.waiting import LONG, wait_until


@contextmanager
def reading(kafka: str, group: str) -> Iterator[Consumer]:
    """A consumer that subscribes to nothing."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def test_an_entry_that_nobody_has_committed_keeps_the_group_from_its_end(kafka: str, prefix: str) -> None:
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics, 2, seconds=30.0)
    writer = Producer({"bootstrap.servers": kafka, "transactional.id": prefix})
    writer.init_transactions(30)
    writer.begin_transaction()
    for partition in (0, 1):
        writer.produce(topics.journal, b"an entry", b"1", partition=partition)
    writer.commit_transaction(30)
    with reading(kafka, prefix) as member, reading(kafka, f"{prefix}-ledger") as reader:

        def reached(*committed: TopicPartition, tries: int = 60) -> bool:
            if committed:
                member.commit(offsets=list(committed), asynchronous=False)
            end = GroupCaughtUp(member, reader, topics.journal, 2, time.monotonic)
            for _ in range(tries):
                if end.reached():
                    return True
                time.sleep(0.5)
            return False

        assert not reached(tries=3)
        assert not reached(TopicPartition(topics.journal, 0, 1), tries=3)
        assert reached(TopicPartition(topics.journal, 1, 1))
        writer.begin_transaction()
        writer.produce(topics.journal, b"another", b"1", partition=0)
        writer.flush(30)
        assert reached()  # of a transaction that may never be committed nothing is known
        writer.commit_transaction(30)
        assert not reached(tries=3)
        assert reader.assignment() == []


def test_a_member_that_is_to_end_when_caught_up_waits_for_what_another_member_holds(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "40") as apis:
        environment = settings(apis, kafka, prefix) | QUICK | {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"}
        with Programs(environment, tmp_path) as programs, reading(kafka, f"{prefix}-processor") as idler:
            publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
            entries = Counter(message.partition() or 0 for message in read_whole(kafka, Topics(prefix).journal))
            idler.subscribe([Topics(prefix).journal])
            wait_until(lambda: (idler.poll(0.1), idler.assignment())[1], LONG, "it holds all partitions")
            member = programs.start("processor", "--until-caught-up")
            everything = len(idler.assignment())
            wait_until(lambda: (idler.poll(0.1), 0 < len(idler.assignment()) < everything)[1], LONG, "it holds some")
            held = {one.partition for one in idler.assignment()}
            assert any(entries[number] for number in held)

            def rest_is_done() -> bool:
                idler.poll(0.1)
                done = committed_offsets(kafka, prefix)
                return all(done.get(number, 0) == count for number, count in entries.items() if number not in held)

            wait_until(rest_is_done, LONG, "the member has nothing left of its own", member)
            until = time.monotonic() + 2 * (ASK_SECONDS + AGAIN_SECONDS)  # it asks whether the group has something left
            while time.monotonic() < until:
                idler.poll(0.1)
            assert member.poll() is None
            idler.close()
            assert member.wait(LONG) == 0
            assert wrong(apis) == []
