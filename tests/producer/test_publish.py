"""A page that could not be published is not passed over, whatever the error."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from confluent_kafka import KafkaException

from producer.publish import Publisher
from runtime.transaction import TransactionalWriter
from schemas.progress import Gap
from schemas.records import Cursor, JournalEntry, Origin
from schemas.registry import RegistryUnavailable
from schemas.topics import Topics
from tests.producer.simulated import DAY, HOUR, MINUTE, NOW, Kafka, World, plan


@dataclass
class Flaky:
    """Raises at transactions with entries, as often as told."""

    kafka: Kafka
    error: Exception
    left: int

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        if entries and self.left:
            self.left -= 1
            raise self.error
        self.kafka.publish(entries, cursor)


def run(world: World, error: Exception, away: int, until: timedelta) -> None:
    """Take turns with one poll, as the program does where the registry is away."""
    world.publisher = Flaky(world.kafka, error, away)
    poll = world.term()
    while world.clock.now < NOW + until:
        try:
            world.run(poll, NOW + until - world.clock.now)
        except type(error):
            world.clock.now += timedelta(seconds=2)


@pytest.mark.parametrize("error", [RegistryUnavailable("away"), KafkaException("no"), ValueError("odd")])
@pytest.mark.parametrize("away", [1, 3])
def test_a_page_of_a_sweep_is_published_once_after_a_failure(error: Exception, away: int) -> None:
    world = World(plan(sweep=HOUR))
    for number in range(1, 251):
        world.shop.place(number, NOW + 5 * MINUTE + timedelta(seconds=number))
    run(world, error, away, 3 * HOUR)
    assert sorted(world.kafka.ids(Origin.BACKFILL)) == list(range(1, 251))


@pytest.mark.parametrize("away", [1, 2, 3])
def test_a_gap_is_not_closed_without_its_orders(away: int) -> None:
    world = World(plan())
    world.run(world.term(), MINUTE)
    for number in range(1, 251):
        world.shop.place(number, NOW + HOUR + timedelta(seconds=number))
    world.clock.now = NOW + 2 * HOUR
    world.reported = [Gap("a", int((NOW + HOUR).timestamp()))]
    run(world, RegistryUnavailable("away"), away, 3 * HOUR)
    assert sorted(world.kafka.ids(Origin.BACKFILL)) == list(range(1, 251))
    assert world.kafka.cursor is not None and world.kafka.cursor.gaps_closed == ("a",)


@pytest.mark.parametrize("error", [RegistryUnavailable("away"), KafkaException("no"), ValueError("odd")])
def test_a_page_of_the_journal_is_published_once_after_a_failure(error: Exception) -> None:
    world = World(plan())
    for log_id in range(1, 251):
        world.shop.log(log_id, NOW - DAY + log_id * MINUTE)
    run(world, error, 3, 20 * MINUTE)
    assert sorted(world.kafka.ids(Origin.JOURNAL)) == list(range(1, 251))


def test_a_codec_that_fails_leaves_no_transaction_open() -> None:
    asked: list[str] = []

    class Quiet:
        def __getattr__(self, name: str) -> object:
            return lambda *_: asked.append(name)

    class Away:
        def encode(self, _: object) -> bytes:
            raise RegistryUnavailable("away")

    writer = TransactionalWriter(Quiet)  # type: ignore[arg-type]
    writer.open()
    publisher = Publisher(writer, Away(), Topics("t"))  # type: ignore[arg-type]
    world = World(plan())
    world.term()
    assert world.kafka.cursor is not None
    entry = JournalEntry(1, 1, 1, None, NOW, Origin.JOURNAL)
    with pytest.raises(RegistryUnavailable):
        publisher.publish([entry], world.kafka.cursor)
    assert asked == ["init_transactions"]
