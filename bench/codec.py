"""Records a second to bytes and back, beside Confluent's own Avro serializer with a registry that lies in memory."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bench.charts import Bar, bars
from bench.report import Section, Table, spread
from bench.setting import Setting
from schemas.codec import make_codec, schema_text
from schemas.records import Delivery, JournalEntry, Origin, Outcome, Record
from schemas.topics import Topics

MOCK = "mock://bench"  # confluent-kafka's own registry in memory: no request, as with a warm cache
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENTRY = JournalEntry(456_789, 1, 747_000_123, None, AT, Origin.JOURNAL)
ROW = Delivery(
    outcome=Outcome.DELIVERED,
    reason="created",
    purchase_due=False,
    journal_offset=1234,
    journal_topic_id="k2Jd9fLwRj2v8Zz0f0aQxA",
    log_id=456_789,
    contact_id="0b6f2c1e-5d0c-4c53-8d4b-3a3f8d1c2b7a",
    event_id="f3b1c9de-0a4c-4a57-9a67-6f6f0f1d2e3c",
    fingerprint="0123456789abcdef0123456789abcdef.fedcba9876543210fedcba9876543210",
    delivered_at=AT,
)


def measure(setting: Setting) -> Section:
    """Measure both records with both codecs, in turns."""
    rates: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(max(3, setting.sizes.runs)):
        for record in (ENTRY, ROW):
            for who, encode, decode in (_ours(record), _confluents(record)):
                data, kind = encode(), type(record).__name__
                rates.setdefault((kind, "encode", who), []).append(_rate(encode, setting.sizes.codec_records))
                rates.setdefault((kind, "decode", who), []).append(
                    _rate(lambda data=data, decode=decode: decode(data), setting.sizes.codec_records)  # type: ignore[misc]
                )
    rows, shown = [], []
    for kind, way in {(kind, way): None for kind, way, _ in rates}:
        ours, theirs = rates[kind, way, "this codec"], rates[kind, way, "AvroSerializer"]
        ratio = spread((mine / other for mine, other in zip(ours, theirs, strict=True)), 2)
        rows.append((f"{kind}, {way}", spread(ours, 0), spread(theirs, 0), ratio))
        shown += [Bar(f"{kind}, {way}", median(ours))]
        shown += [Bar("AvroSerializer", median(theirs), ours=False)]
    return Section(
        "codec",
        "Codec",
        [
            "Records a second in one thread. Confluent's serializer and deserializer have their schemas cached, and"
            " turn records into dictionaries and back by the same functions as this codec does.",
            Table(("record", "this codec", "confluent-kafka's", "ratio"), rows),
        ],
        {"codec": bars("Codec", "records/s", shown)},
    )


Pair = tuple[str, Callable[[], bytes], Callable[[bytes], Any]]


def _ours(record: Record) -> Pair:
    codec = make_codec(Topics("bench"), None)
    kind: type[Any] = type(record)
    return "this codec", lambda: codec.encode(record), lambda data: codec.decode(data, kind)


def _confluents(record: Record) -> Pair:
    client = SchemaRegistryClient.new_client({"url": MOCK})
    kind: type[Any] = type(record)
    names = kind.__slots__
    enums = {name: type(getattr(record, name)) for name in names if isinstance(getattr(record, name), Origin | Outcome)}
    context = SerializationContext("bench", MessageField.VALUE)

    def to_map(found: Any, _: Any) -> dict[str, Any]:
        return {name: getattr(found, name) for name in names}

    def from_map(found: Any, _: Any) -> Any:
        return kind(**{**found, **{name: enum(found[name]) for name, enum in enums.items()}})

    text = schema_text(kind)
    serializer = AvroSerializer(client, text, to_map)
    deserializer = AvroDeserializer(client, text, from_map)

    def encode() -> bytes:
        data = serializer(record, context)
        assert isinstance(data, bytes)
        return data

    return "AvroSerializer", encode, lambda data: deserializer(data, context)


def _rate(call: Callable[[], Any], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        call()
    return count / (time.process_time() - began)
