"""From a message to an entry, or to the reason why it can never be one."""

from processor.job import Entry, Raw
from processor.values import Undecodable
from schemas.codec import Codec, DecodeError
from schemas.records import JournalEntry
from schemas.topics import parse_order_key


def decode(raw: Raw, codec: Codec, replay_until: int) -> Entry | Undecodable:
    """Read one message; RegistryUnavailable passes through, for it says nothing about the message."""
    if raw.value is None:
        return Undecodable(raw, "empty_value", ValueError("the message has no value"))
    try:
        record = codec.decode(raw.value, JournalEntry)
    except DecodeError as error:
        return Undecodable(raw, "undecodable", error)
    try:
        order_id = parse_order_key(raw.key)
    except ValueError as error:
        return Undecodable(raw, "bad_key", error)
    if order_id != record.order_id:
        return Undecodable(raw, "key_mismatch", ValueError(f"key says order {order_id}, value {record.order_id}"))
    return Entry(raw, record, raw.offset < replay_until)
