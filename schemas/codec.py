"""One codec for both wire formats: writes the configured one, reads either, told apart by its first bytes.

Confluent: 0x00, schema id (4 bytes, big endian), Avro body. Single object (Avro specification): 0xC3 0x01, CRC-64-AVRO
fingerprint of the writer's schema (8 bytes, little endian), Avro body.
"""

import io
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import resources
from typing import Any, Protocol, TypeVar

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.records import (
    Cursor,
    DeadLetter,
    Delivery,
    JournalEntry,
    Origin,
    Outcome,
    Record,
    ShopSettings,
    Switch,
)
from schemas.registry import Registry, RegistryUnavailable
from schemas.topics import Topics

CONFLUENT_MAGIC = b"\x00"
SINGLE_OBJECT_MAGIC = b"\xc3\x01"
FILES: Mapping[type[Any], str] = {
    JournalEntry: "journal_entry.avsc",
    Cursor: "cursor.avsc",
    Delivery: "delivery.avsc",
    DeadLetter: "dead_letter.avsc",
    ShopSettings: "shop_settings.avsc",
    Switch: "switch.avsc",
}

R = TypeVar("R", JournalEntry, Cursor, Delivery, DeadLetter, ShopSettings, Switch)


class DecodeError(Exception):
    """These bytes are not a record of the expected type; the message holds none of them."""


class UnknownSchema(DecodeError):
    """The writer's schema is not known here."""


class Codec(Protocol):
    """Records to bytes and back."""

    def encode(self, record: Record) -> bytes:
        """Return the record in the configured wire format."""

    def decode(self, data: bytes, expected: type[R]) -> R:
        """Return the record; DecodeError, UnknownSchema, or RegistryUnavailable (try again later)."""


def schema_text(record_type: type[Any]) -> str:
    """Return the .avsc of a record type."""
    return (resources.files("schemas") / FILES[record_type]).read_text()


def single_object_fingerprint(schema: Any) -> bytes:
    """Return the 8 bytes that name a schema in single-object encoding."""
    digest = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(digest)  # fastavro prints the little-endian bytes


_BUILD: Mapping[type[Any], Callable[[dict[str, Any]], Any]] = {
    JournalEntry: lambda found: JournalEntry(**{**found, "origin": Origin(found["origin"])}),
    Cursor: lambda found: Cursor(
        **{
            **found,
            "recent_log_ids": tuple(found["recent_log_ids"]),
            "gaps_closed": tuple(found["gaps_closed"]),
        }
    ),
    Delivery: lambda found: Delivery(**{**found, "outcome": Outcome(found["outcome"])}),
    DeadLetter: lambda found: DeadLetter(**found),
    ShopSettings: lambda found: ShopSettings(**found),
    Switch: lambda found: Switch(**found),
}


class AvroCodec:
    """The one implementation; with a registry it writes Confluent's format, without it single objects."""

    def __init__(self, topics: Topics, registry: Registry | None) -> None:
        self._registry = registry
        self._parsed: dict[type[Any], Any] = {}
        self._names: dict[type[Any], tuple[str, ...]] = {}
        self._known: dict[bytes, Any] = {}
        self._writers: dict[int, Any] = {}
        self._prefix: dict[type[Any], bytes] = {}
        self._subjects = {
            JournalEntry: f"{topics.journal}-value",
            Cursor: f"{topics.cursor}-value",
            Delivery: f"{topics.deliveries}-value",
            DeadLetter: f"{topics.dead_letters}-value",
            # two kinds of records in one topic: the names of Confluent's TopicRecordNameStrategy
            ShopSettings: f"{topics.settings}-bl2sm.ShopSettings",
            Switch: f"{topics.settings}-bl2sm.Switch",
        }
        for record_type in FILES:
            schema = json.loads(schema_text(record_type))
            self._parsed[record_type] = fastavro.parse_schema(schema)
            self._names[record_type] = tuple(field.name for field in fields(record_type))
            self._known[single_object_fingerprint(schema)] = self._parsed[record_type]
        for path in (resources.files("schemas") / "history").iterdir():
            if path.name.endswith(".avsc"):
                schema = json.loads(path.read_text())
                self._known[single_object_fingerprint(schema)] = fastavro.parse_schema(schema)

    def encode(self, record: Record) -> bytes:
        """Return the record in the configured wire format."""
        record_type = type(record)
        prefix = self._prefix.get(record_type)
        if prefix is None:
            prefix = self._prefix[record_type] = self._make_prefix(record_type)
        out = io.BytesIO()
        out.write(prefix)
        values = {name: getattr(record, name) for name in self._names[record_type]}
        fastavro.schemaless_writer(out, self._parsed[record_type], values)
        return out.getvalue()

    def decode(self, data: bytes, expected: type[R]) -> R:
        """Return the record; DecodeError, UnknownSchema, or RegistryUnavailable (try again later)."""
        writer, start = self._writer_schema(data)
        body = io.BytesIO(data)
        body.seek(start)
        try:
            found: Any = fastavro.schemaless_reader(body, writer, self._parsed[expected])
            if body.tell() != len(data):
                raise DecodeError(f"{len(data) - body.tell()} bytes follow the {expected.__name__} record")
            return _BUILD[expected](found)  # type: ignore[no-any-return]
        except DecodeError:
            raise
        except Exception as error:  # fastavro raises many kinds on hostile bytes
            raise DecodeError(f"not a readable {expected.__name__} record ({type(error).__name__})") from None

    def _writer_schema(self, data: bytes) -> tuple[Any, int]:
        if data[:2] == SINGLE_OBJECT_MAGIC and len(data) >= 10:
            schema = self._known.get(data[2:10])
            if schema is None:
                raise UnknownSchema(
                    f"unknown schema fingerprint {data[2:10].hex()}: written by a newer version? Upgrade this program"
                )
            return schema, 10
        if data[:1] == CONFLUENT_MAGIC and len(data) >= 5:
            schema_id = struct.unpack(">I", data[1:5])[0]
            return self._from_registry(schema_id), 5
        raise DecodeError("neither Confluent's wire format nor an Avro single object")

    def _from_registry(self, schema_id: int) -> Any:
        if schema_id in self._writers:
            return self._writers[schema_id]
        if self._registry is None:
            raise UnknownSchema(f"schema id {schema_id} needs a schema registry: set SCHEMA_REGISTRY_URL")
        text = self._registry.schema(schema_id)
        if text is None:
            raise UnknownSchema(f"the schema registry does not know schema id {schema_id}")
        try:
            found = json.loads(text)
            schema = fastavro.parse_schema(found)
            nested = _refers_to_itself(found, frozenset())
        except Exception:
            raise UnknownSchema(f"schema id {schema_id} is not an Avro schema") from None
        if nested:  # a long chain of records in records would overrun the reader's stack and kill the process
            raise UnknownSchema(f"schema id {schema_id} refers to itself: no version of this program wrote that")
        self._writers[schema_id] = schema
        return schema

    def _make_prefix(self, record_type: type[Any]) -> bytes:
        if self._registry is None:
            return SINGLE_OBJECT_MAGIC + single_object_fingerprint(json.loads(schema_text(record_type)))
        schema_id = self._registry.register(self._subjects[record_type], schema_text(record_type))
        return CONFLUENT_MAGIC + struct.pack(">I", schema_id)


def _refers_to_itself(schema: Any, inside: frozenset[str]) -> bool:
    """Whether a named type appears within its own definition."""
    if isinstance(schema, str):
        return schema.rpartition(".")[2] in inside
    if isinstance(schema, list):
        return any(_refers_to_itself(branch, inside) for branch in schema)
    if not isinstance(schema, dict):
        return False
    if "name" in schema and schema.get("type") in {"record", "error"}:
        inside |= {str(schema["name"]).rpartition(".")[2]}
        return any(_refers_to_itself(one["type"], inside) for one in schema.get("fields", ()))
    parts = [schema[name] for name in ("type", "items", "values") if name in schema]
    return any(_refers_to_itself(part, inside) for part in parts)


def make_codec(topics: Topics, registry: Mapping[str, str] | None) -> Codec:
    """Return the codec: with a registry's client configuration (`url`, …), or without."""
    return AvroCodec(topics, Registry(dict(registry)) if registry else None)


__all__ = ["AvroCodec", "Codec", "DecodeError", "RegistryUnavailable", "UnknownSchema", "make_codec"]
