"""One suite for both wire formats: what one writes, both read."""

import io
import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Codec, DecodeError, RegistryUnavailable, UnknownSchema, make_codec
from schemas.records import (
    Cursor,
    DeadLetter,
    Delivery,
    JournalEntry,
    Origin,
    Outcome,
    Record,
    dead_letter_from_headers,
)
from schemas.topics import Topics

longs = st.integers(-(2**63), 2**63 - 1)
times = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
ints = st.integers(-(2**31), 2**31 - 1)
texts = st.text(max_size=50)
records = st.one_of(
    st.builds(JournalEntry, longs, ints, longs, st.none() | longs, times, st.sampled_from(Origin)),
    st.builds(
        Cursor, longs, st.lists(longs, max_size=20).map(tuple), ints, st.none() | times, times,
        texts, st.none() | times, st.lists(texts, max_size=5).map(tuple),
    ),
    st.builds(
        Delivery, st.sampled_from(Outcome), texts, st.booleans(), longs, texts, longs,
        st.none() | texts, st.none() | texts, st.none() | texts, times,
    ),
    st.builds(DeadLetter, texts, texts, texts, texts, ints, longs, st.none() | st.binary(max_size=30), ints, times),
)  # fmt: skip


class StandInRegistry:
    """The part of a schema registry's REST interface that the codec needs, over a real socket."""

    def __init__(self) -> None:
        ids = itertools.count(1)
        schemas: dict[str, int] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if body["schema"] not in schemas:
                    schemas[body["schema"]] = next(ids)
                self._answer(200, {"id": schemas[body["schema"]]})

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(200, {"compatibility": "BACKWARD"})

            def do_GET(self) -> None:
                wanted = int(self.path.split("/ids/")[1].split("?")[0].split("/")[0])
                found = [text for text, schema_id in schemas.items() if schema_id == wanted]
                if found:
                    self._answer(200, {"schema": found[0]})
                else:
                    self._answer(404, {"error_code": 40403, "message": "Schema not found"})

            def _answer(self, status: int, body: object) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def registry() -> Iterator[StandInRegistry]:
    stand_in = StandInRegistry()
    yield stand_in
    stand_in.server.shutdown()


@pytest.fixture(scope="module", params=["single object", "registry"])
def codec(request: pytest.FixtureRequest, registry: StandInRegistry) -> Codec:
    return make_codec(Topics("t"), {"url": registry.url} if request.param == "registry" else None)


@given(record=records)
def test_what_is_written_is_read_back(codec: Codec, record: Record) -> None:
    assert codec.decode(codec.encode(record), type(record)) == record  # type: ignore[type-var]


@settings(max_examples=300)
@given(data=st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda tail: b"\xc3\x01" + tail)))
def test_hostile_bytes_are_a_clear_error_and_nothing_else(codec: Codec, data: bytes) -> None:
    try:
        codec.decode(data, JournalEntry)
    except DecodeError as error:
        assert str(error)


@given(record=records, cut=st.integers(1, 30))
def test_a_torn_record_is_never_taken_for_a_whole_one(codec: Codec, record: Record, cut: int) -> None:
    whole = codec.encode(record)
    with pytest.raises(DecodeError):
        codec.decode(whole[: max(0, len(whole) - cut)], type(record))  # type: ignore[type-var]
    with pytest.raises(DecodeError):
        codec.decode(whole + b"\x00", type(record))  # type: ignore[type-var]


def test_either_codec_reads_what_the_other_wrote(registry: StandInRegistry) -> None:
    entry = JournalEntry(1, 2, 3, None, datetime(2026, 11, 24, tzinfo=UTC), Origin.JOURNAL)
    confluent, single = make_codec(Topics("t"), {"url": registry.url}), make_codec(Topics("t"), None)
    assert confluent.decode(single.encode(entry), JournalEntry) == entry
    with pytest.raises(UnknownSchema, match="SCHEMA_REGISTRY_URL"):
        single.decode(confluent.encode(entry), JournalEntry)


def test_an_unknown_schema_id_is_an_error_and_a_registry_away_is_another(registry: StandInRegistry) -> None:
    with pytest.raises(UnknownSchema, match="999"):
        make_codec(Topics("t"), {"url": registry.url}).decode(b"\x00\x00\x00\x03\xe7xx", JournalEntry)
    away = make_codec(Topics("t"), {"url": "http://127.0.0.1:9"})
    with pytest.raises(RegistryUnavailable):
        away.decode(b"\x00\x00\x00\x00\x01xx", JournalEntry)


@given(letter=st.builds(DeadLetter, texts, texts, texts, texts, ints, longs, st.none() | st.binary(), ints, times))
def test_a_dead_letters_headers_hold_all_of_it(letter: DeadLetter) -> None:
    assert dead_letter_from_headers(letter.to_headers()) == letter


def test_a_cursor_row_of_the_first_schema_is_still_read() -> None:
    first = json.loads((resources.files("schemas") / "history" / "cursor-1.avsc").read_text())
    at = datetime(2026, 11, 24, tzinfo=UTC)
    row = io.BytesIO()
    values = {"settled_log_id": 7, "recent_log_ids": [9], "journal_partitions": 6, "swept_to": None, "read_at": at}
    fastavro.schemaless_writer(row, first, values)
    written = b"\xc3\x01" + bytes.fromhex("b20ae00ef02d25cf") + row.getvalue()  # the fingerprint of that day
    assert make_codec(Topics("t"), None).decode(written, Cursor) == Cursor(7, (9,), 6, None, at, "", None, ())
