"""A reader comes to the true end of a topic, also where an open transaction hides the last rows from consumers."""

import time

from confluent_kafka import Producer

from runtime.compacted_reader import CompactedReader, Row
from tests.contract.place import Place
from tests.harness.waiting import LONG, wait_until


def write(place: Place, producer: Producer, key: bytes, value: bytes) -> None:
    """One row into the deliveries' partition 1, and into the broker's log."""
    producer.produce(place.topics.deliveries, key=key, value=value, partition=1)
    assert producer.flush(30) == 0


def test_rows_behind_an_open_transaction_are_waited_for_and_then_followed(place: Place) -> None:
    held, plain = place.producer(f"{place.prefix}-held"), Producer({"bootstrap.servers": place.kafka})
    write(place, plain, b"1", b"before")
    held.init_transactions(30)
    held.begin_transaction()
    write(place, held, b"2", b"in it")
    write(place, plain, b"3", b"behind it")
    reader, rows = CompactedReader(place.consumer(), place.admin, place.topics.deliveries), list[Row]()
    reader.open([0, 1])

    def polled() -> bool:
        rows.extend(reader.poll(time.monotonic(), 0.1))
        return True

    wait_until(lambda: polled() and reader.has_reached(0), LONG, "the empty partition is read")
    wait_until(lambda: polled() and rows, LONG, "the row before the transaction is read")
    assert [row.value for row in rows] == [b"before"]
    assert not reader.reached
    held.commit_transaction(30)
    wait_until(lambda: polled() and reader.reached, LONG, "all is read")
    assert [row.value for row in rows] == [b"before", b"in it", b"behind it"]
    write(place, plain, b"4", b"later")
    wait_until(lambda: polled() and len(rows) == 4, LONG, "what comes later is read, too")
    assert rows[-1] == Row(1, rows[-1].offset, b"4", b"later")
