"""Whether everything arrived, once, and Kafka says so too."""

from typing import Any

from sandbox.expected import Choice
from sandbox.remote import fetch_state
from sandbox.server import LOCATION
from sandbox.verify import differences
from schemas.codec import make_codec
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics
from tests.harness.topics import committed_offsets, dead_letters, read_on, read_whole

CHOICE = Choice(LOCATION, "Klient", "both")


def wrong(apis: dict[str, str], choice: Choice = CHOICE) -> list[str]:
    """What differs from what should have arrived."""
    return differences(fetch_state(apis["BASELINKER_API_URL"]), fetch_state(apis["SALESMANAGO_API_URL"]), choice)


def left_undone(kafka: str, prefix: str, sales: dict[str, Any]) -> list[str]:
    """What Kafka says against "all done": entries after the group's offsets, rows that go back or name no purchase."""
    topics = Topics(prefix)
    codec = make_codec(topics, None)
    found = []
    offsets = committed_offsets(kafka, prefix)
    for message in read_on(kafka, topics.journal, offsets):
        found.append(f"entry {message.partition()}/{message.offset()} is after the group's offset")
    entries: dict[int, int] = {}
    for message in read_whole(kafka, topics.journal):
        content = message.value()
        assert isinstance(content, bytes)
        entry = codec.decode(content, JournalEntry)
        if entry.origin is not Origin.BACKFILL:  # of what is delivered these leave no row
            entries[entry.order_id] = message.offset() or 0
    events = {event["eventId"]: str(event["externalId"]) for event in sales["events"]}
    rows: dict[int, Delivery] = {}
    for message in read_whole(kafka, topics.deliveries):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        order_id = int(key)
        before = rows.get(order_id)
        if not isinstance(value, bytes):  # an intent was taken back, and there was no row before it
            if before is not None and before.outcome is not Outcome.SENDING:
                found.append(f"order {order_id}: its row was removed")
            rows.pop(order_id, None)
            continue
        row = codec.decode(value, Delivery)
        same = before is not None and before.journal_topic_id == row.journal_topic_id
        if before is not None and same and row.journal_offset < before.journal_offset:
            found.append(f"order {order_id}: its row went back from {before.journal_offset} to {row.journal_offset}")
        if before is not None and before.event_id and row.event_id != before.event_id:
            found.append(f"order {order_id}: its row lost its purchase")
        rows[order_id] = row
    purchases = set(events.values())
    for order_id, offset in entries.items():
        last = rows.get(order_id)
        if last is None or last.journal_offset < offset:
            found.append(f"order {order_id}: its row is of {last and last.journal_offset}, its last entry at {offset}")
        elif last.outcome is Outcome.SENDING:
            found.append(f"order {order_id}: its row is still an intent")
        elif last.event_id is not None and events.get(last.event_id) != str(order_id):
            found.append(f"order {order_id}: its row names a purchase that is not there")
        elif str(order_id) in purchases and last.event_id is None and last.outcome is Outcome.DELIVERED:
            found.append(f"order {order_id}: has a purchase its row does not name")
    found += [f"dead letter: {reason}: {text}" for _, reason, text in dead_letters(kafka, topics)]
    return found
