"""A processor starts only where the journal has the partitions that the cursor counted."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from processor.restore.partition_count import check_partition_count
from runtime.cursor import read_cursor
from runtime.topic_identity import PartitionsChanged
from schemas.codec import RegistryUnavailable
from schemas.records import CURSOR_KEY, Cursor
from schemas.topics import TopicProblem
from tests.contract.place import PARTITIONS, Place
from tests.faults.scenario import Scenario
from tests.harness.stand_ins import sandbox
from tests.harness.waiting import LONG

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CURSOR = Cursor(5, (), PARTITIONS, swept_to=NOW, read_at=NOW)


def put(kafka: str, topic: str, *values: bytes | None, key: bytes = CURSOR_KEY) -> None:
    """Rows of the cursor."""
    producer = Producer({"bootstrap.servers": kafka})
    for value in values:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(30) == 0


def check(place: Place, codec: Any = None) -> None:
    check_partition_count(place.consumer(), place.admin, place.topics, codec or place.codec, PARTITIONS)


def test_before_the_first_cursor_any_count_is_right(place: Place) -> None:
    check(place)


def test_the_newest_cursor_decides(place: Place) -> None:
    other = replace(CURSOR, journal_partitions=PARTITIONS + 1)
    put(place.kafka, place.topics.cursor, place.codec.encode(other), place.codec.encode(CURSOR))
    check(place)
    put(place.kafka, place.topics.cursor, place.codec.encode(other))
    put(place.kafka, place.topics.cursor, place.codec.encode(CURSOR), key=b"another key")
    with pytest.raises(PartitionsChanged, match="has 2 partitions and had 3"):
        check(place)
    put(place.kafka, place.topics.cursor, None)
    check(place)


def test_a_cursor_that_cannot_be_decoded_is_a_problem_with_a_way_out_and_an_older_one_is_not(place: Place) -> None:
    put(place.kafka, place.topics.cursor, b"rubbish")
    with pytest.raises(TopicProblem, match="delete the topic"):
        check(place)
    put(place.kafka, place.topics.cursor, place.codec.encode(CURSOR))
    check(place)


def test_a_registry_that_is_away_says_nothing_about_the_cursor(place: Place) -> None:
    class Away:
        def decode(self, *_: object) -> object:
            raise RegistryUnavailable("away")

    put(place.kafka, place.topics.cursor, place.codec.encode(CURSOR))
    with pytest.raises(RegistryUnavailable):
        check(place, Away())


def test_a_cursor_behind_an_open_transaction_is_not_passed_over(place: Place) -> None:
    held = place.producer(f"{place.prefix}-held")
    held.init_transactions(30)
    held.begin_transaction()
    held.produce(place.topics.cursor, key=CURSOR_KEY, value=place.codec.encode(CURSOR))
    assert held.flush(30) == 0
    with pytest.raises(KafkaException, match="could not be read to its end"):
        read_cursor(place.consumer(), place.admin, place.topics, place.codec, seconds=2.0)
    held.commit_transaction(30)
    assert read_cursor(place.consumer(), place.admin, place.topics, place.codec) == CURSOR


def test_a_processor_that_cannot_read_the_cursor_ends_with_a_sentence(kafka: str, tmp_path: Path) -> None:
    with sandbox("--orders", "0") as apis, Scenario(apis, kafka, tmp_path) as scenario:
        put(kafka, scenario.topics.cursor, b"rubbish")
        for program in ("processor", "producer"):
            process = scenario.programs.start(program)
            assert process.wait(LONG) == 1
            log = scenario.programs.log(process)
            assert f"{scenario.topics.cursor}: the newest row can't be read" in log
            assert "Traceback" not in log
