"""What was written by any version, in either wire format, is read; and all old schemas stay readable."""

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import FILES, AvroCodec, DecodeError, schema_text, single_object_fingerprint
from schemas.records import Cursor, Delivery, JournalEntry, Origin, Outcome, Record, ShopSettings, Switch
from schemas.topics import Topics
from tests.harness.cases import cases

longs = st.integers(-(2**63), 2**63 - 1)
ints = st.integers(-(2**31), 2**31 - 1)
times = (
    st.integers(1, 7_000_000_000_000)
    .map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
    .map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
)
texts = st.text(max_size=30)
entries = st.builds(JournalEntry, longs, ints, longs, st.none() | longs, times, st.sampled_from(Origin))
cursors = st.builds(
    Cursor,
    longs,
    st.lists(longs, max_size=50).map(tuple),
    ints,
    st.none() | times,
    times,
    texts,
    st.none() | times,
    st.lists(texts, max_size=5).map(tuple),
)
rows = st.builds(
    Delivery, st.sampled_from(Outcome), texts, st.booleans(), longs, texts, longs, st.none() | texts, st.none() | texts,
    st.none() | texts, times,
)  # fmt: skip
choices = st.builds(
    ShopSettings, st.none() | texts, st.none() | texts, st.none() | texts, st.none() | st.booleans(), texts, times
)
switches = st.builds(Switch, st.booleans(), texts, texts, times)


class Versions:
    """A registry in memory that knows any number of versions."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def register(self, subject: str, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def schema(self, schema_id: int) -> str | None:
        return self.texts[schema_id] if schema_id < len(self.texts) else None


REGISTRY = Versions()
SINGLE, CONFLUENT = AvroCodec(Topics("t"), None), AvroCodec(Topics("t"), REGISTRY)  # type: ignore[arg-type]


@settings(max_examples=cases(200))
@given(record=entries | cursors | rows | choices | switches)
def test_both_formats_carry_every_record_and_the_registrys_reader_reads_both(record: Record) -> None:
    for written in (SINGLE.encode(record), CONFLUENT.encode(record)):
        assert CONFLUENT.decode(written, type(record)) == record  # type: ignore[type-var]
    assert SINGLE.encode(record)[10:] == CONFLUENT.encode(record)[5:]
    assert SINGLE.decode(SINGLE.encode(record), type(record)) == record  # type: ignore[type-var]


def versions_of(record_type: type[Any]) -> list[tuple[dict[str, Any], frozenset[str]]]:
    """Writers' schemas: without each optional field (an older one), with another field (a newer one), reordered."""
    schema = json.loads(schema_text(record_type))
    found: list[tuple[dict[str, Any], frozenset[str]]] = []
    for field in schema["fields"]:
        if "default" in field:
            kept = [one for one in schema["fields"] if one is not field]
            found.append((schema | {"fields": kept}, frozenset({field["name"]})))
    found.append((schema | {"fields": [*schema["fields"], {"name": "new", "type": "string"}]}, frozenset()))
    found.append((schema | {"fields": schema["fields"][::-1]}, frozenset()))
    return found


@pytest.mark.parametrize("record_type", [JournalEntry, Cursor, Delivery, ShopSettings, Switch])
@settings(max_examples=cases(40, 1000))
@given(data=st.data())
def test_what_an_older_or_newer_version_wrote_is_read(record_type: type[Any], data: st.DataObject) -> None:
    drawn: Mapping[type[Any], st.SearchStrategy[Any]] = {
        JournalEntry: entries, Cursor: cursors, Delivery: rows, ShopSettings: choices, Switch: switches,
    }  # fmt: skip
    record: Any = data.draw(drawn[record_type])
    for schema, missing in versions_of(record_type):
        parsed = fastavro.parse_schema(schema)
        values = {field["name"]: getattr(record, field["name"], "new") for field in schema["fields"]}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, values)
        number = REGISTRY.register("any", json.dumps(schema))
        defaults = {field.name: field.default for field in fields(record_type) if field.default is not MISSING}
        expected = replace(record, **{name: defaults.get(name) for name in missing})
        assert CONFLUENT.decode(b"\x00" + struct.pack(">I", number) + out.getvalue(), record_type) == expected


@pytest.mark.parametrize("record_type", FILES)
def test_every_schema_of_the_history_can_be_read_as_todays(record_type: type[Any]) -> None:
    today = json.loads(schema_text(record_type))
    for path in (resources.files("schemas") / "history").iterdir():
        if not path.name.endswith(".avsc"):
            continue
        old = json.loads(path.read_text())
        if old["name"] != today["name"]:
            continue
        missing = {one["name"] for one in today["fields"] if "default" not in one} - {
            one["name"] for one in old["fields"]
        }
        assert not missing, f"{path.name}: today's schema asks for {missing}, which that one never wrote"
        assert single_object_fingerprint(old) in SINGLE._known


@settings(max_examples=cases(200))
@given(
    record=entries | cursors | rows | choices | switches,
    other=st.sampled_from([JournalEntry, Cursor, Delivery, ShopSettings, Switch]),
)
def test_one_kind_of_record_is_never_taken_for_another(record: Record, other: type[Any]) -> None:
    if type(record) is other:
        return
    for codec in (SINGLE, CONFLUENT):
        with pytest.raises(DecodeError):
            codec.decode(codec.encode(record), other)
