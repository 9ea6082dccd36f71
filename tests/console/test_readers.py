"""The console's readers of Kafka are kept, and never lent to two at once."""

from dataclasses import dataclass, field

import pytest

from console.readers import IDLE_SECONDS, MOST_KEPT, Readers
from operations.kafka_reads import KafkaReads
from operations.output import Refused
from runtime.settings import Settings, load_settings


class Watched(KafkaReads):
    """Readers that tell whether they were closed."""

    closed = False

    def close(self) -> None:
        super().close()
        self.closed = True


@dataclass(slots=True)
class Shelf:
    """Where readers come from, and the time."""

    settings: Settings
    made: list[Watched] = field(default_factory=list)
    now: float = 0.0

    def make(self) -> KafkaReads:
        self.made.append(Watched(self.settings))
        return self.made[-1]

    def clock(self) -> float:
        return self.now

    def closed(self) -> int:
        return sum(one.closed for one in self.made)


@pytest.fixture
def shelf(kafka: str, prefix: str) -> Shelf:
    given = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}
    return Shelf(load_settings(given, None, need="kafka"))


def test_readers_are_lent_again_but_to_one_at_a_time(shelf: Shelf) -> None:
    readers = Readers(shelf.make, shelf.clock)
    with readers.lend() as first, readers.lend() as second:
        assert first is not second
    with readers.lend() as again:
        assert again in (first, second)
        assert again.processors() == []
    assert (len(shelf.made), shelf.closed()) == (2, 0)
    readers.close()
    assert shelf.closed() == 2


def test_readers_that_failed_are_not_lent_again(shelf: Shelf) -> None:
    readers = Readers(shelf.make, shelf.clock)
    with pytest.raises(Refused, match="there is no topic"), readers.lend() as first:
        first.cursor()
    assert shelf.closed() == 1
    with readers.lend() as second:
        assert second is not first
    readers.close()


def test_idle_readers_are_closed_and_only_few_are_kept(shelf: Shelf) -> None:
    readers = Readers(shelf.make, shelf.clock)
    lent = [readers.lend() for _ in range(MOST_KEPT + 1)]
    for one in lent:
        one.__enter__()
    for one in lent:
        one.__exit__(None, None, None)
    assert shelf.closed() == 1
    shelf.now = IDLE_SECONDS + 1
    with readers.lend():
        assert (len(shelf.made), shelf.closed()) == (MOST_KEPT + 2, MOST_KEPT + 1)
    readers.close()


def test_readers_lent_at_the_end_are_closed_when_they_come_back(shelf: Shelf) -> None:
    readers = Readers(shelf.make, shelf.clock)
    with readers.lend() as last:
        readers.close()
        assert last.processors() == []
    assert shelf.closed() == 1
