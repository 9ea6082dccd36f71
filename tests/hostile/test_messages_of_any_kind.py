"""Any bytes in the journal topic: an entry, or the reason why there is none, in words that hold nothing of it."""

import itertools
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.consume.decode import decode
from processor.dead_letters import dead_letter
from processor.job import Entry, Raw
from processor.values import Undecodable
from schemas.codec import AvroCodec, Codec, schema_text, single_object_fingerprint
from schemas.records import Cursor, Delivery, JournalEntry, Origin, Outcome, dead_letter_from_headers
from schemas.registry import Registry, RegistryUnavailable
from schemas.topics import Topics, order_key, parse_order_key
from tests.harness.cases import cases
from tests.hostile.references import NOW, entry

REASONS = {"empty_value", "undecodable", "bad_key", "key_mismatch"}
JOURNAL = schema_text(JournalEntry)
CHAIN = json.loads(JOURNAL)
CHAIN["fields"].append({"name": "next", "type": ["null", "JournalEntry"]})
GARBAGE: dict[int, tuple[int, bytes]] = {
    1: (200, json.dumps({"schema": JOURNAL}).encode()),
    2: (200, json.dumps({"schema": schema_text(Delivery)}).encode()),
    3: (200, b"<html>proxy</html>"),
    4: (200, b"[]"),
    5: (200, b'{"schema": null}'),
    6: (200, b'{"schema": "not avro"}'),
    7: (200, b'{"schema": "[]"}'),
    8: (200, b'{"schema": "\\"string\\""}'),
    9: (200, json.dumps({"schema": '{"type":"record","name":"bl2sm.JournalEntry","fields":[]}'}).encode()),
    10: (200, b'{"schema": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    11: (404, b'{"error_code":40403,"message":"Schema not found"}'),
    12: (500, b"boom"),
    13: (200, b""),
    14: (200, b"\xff\xfe"),
    15: (200, json.dumps({"schema": "[" * 2000 + "]" * 2000}).encode()),
    16: (200, json.dumps({"schema": '{"type":"fixed","name":"f","size":99999999999}'}).encode()),
    17: (301, b""),
    18: (200, json.dumps({"schema": JOURNAL.replace('"type": "int"', '"type": "string"')}).encode()),
    19: (200, b'{"schema": 7}'),
    21: (200, json.dumps({"schema": json.dumps(CHAIN)}).encode()),
    20: (403, b'{"error_code":40301,"message":"no"}'),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = self.path.split("/ids/")[1].split("?")[0].split("/")[0]
        status, content = GARBAGE.get(int(wanted), (404, b'{"error_code":40403,"message":"Schema not found"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content = b'{"id": 1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def codecs() -> Iterator[list[Codec]]:
    """Without a registry, and with one that answers garbage over a socket."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield [
        AvroCodec(Topics("t"), None),
        AvroCodec(Topics("t"), Registry({"url": url, "max.retries": 0, "timeout": 10})),
    ]
    server.shutdown()


def tried(raw: Raw, codec: Codec) -> Entry | Undecodable | None:
    """Decode and judge; None = the registry is away, which says nothing of the message."""
    try:
        found = decode(raw, codec, 0)
    except RegistryUnavailable as error:
        assert raw.value is not None
        assert raw.value[:1] == b"\x00"
        assert str(error)
        return None
    except Exception as error:
        raise AssertionError(ascii(error)) from None
    assert found.raw is raw
    if isinstance(found, Entry):
        assert raw.key == order_key(found.record.order_id)
        assert codec.decode(codec.encode(found.record), JournalEntry) == found.record
        return found
    assert found.reason in REASONS
    letter = dead_letter(raw, "t.journal", found.reason, found.error, 0)
    assert dead_letter_from_headers(letter.to_headers()).message == letter.message != ""
    assert len(letter.message) < 300
    holds_nothing_of(raw, letter.message)
    return found


def holds_nothing_of(raw: Raw, message: str) -> None:
    """No four bytes of the body in a row (ids, and the ten bytes that name a schema, may be told)."""
    body = (raw.value or b"")[10:].decode("latin-1")
    words = {body[start : start + 6] for start in range(len(body) - 5)}
    allowed = " ".join([message_words, str(raw.offset)])
    assert not [word for word in words if word in message and word not in allowed and not word.isdigit()]


message_words = (
    "not a readable JournalEntry record (EOFError) bytes follow the JournalEntry record neither Confluent's wire format"
    " nor an Avro single object"
)


PLAIN = AvroCodec(Topics("t"), None)
BODY = PLAIN.encode(entry())[10:]
longs = st.integers(-(2**63), 2**63 - 1)
entries = st.builds(
    JournalEntry,
    longs,
    st.integers(-(2**31), 2**31 - 1),
    longs,
    st.none() | longs,
    st.just(NOW),
    st.sampled_from(Origin),
)
prefixes = st.one_of(
    st.just(b"\xc3\x01" + single_object_fingerprint(json.loads(JOURNAL))),
    st.sampled_from([Delivery, Cursor]).map(
        lambda kind: b"\xc3\x01" + single_object_fingerprint(json.loads(schema_text(kind)))
    ),
    st.integers(0, 25).map(lambda number: b"\x00" + struct.pack(">I", number)),
    st.binary(max_size=11),
    st.just(b""),
)
varints = st.sampled_from(
    [b"\xff" * 9 + b"\x01", b"\x80" * 40 + b"\x01", b"\xff" * 5000, b"\x02" * 100_000, b"\x01" * 12]
)
parts = st.one_of(st.binary(max_size=30), varints, st.just(BODY), entries.map(lambda one: PLAIN.encode(one)[10:]))
others = st.one_of(
    st.builds(Delivery, st.sampled_from(Outcome), st.text(max_size=9), st.booleans(), longs, st.text(max_size=9), longs,
              st.none(), st.none(), st.none(), st.just(NOW)),
    st.builds(Cursor, longs, st.lists(longs, max_size=5).map(tuple), st.integers(0, 9), st.none(), st.just(NOW)),
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A valid message with bits turned, bytes taken away, put in or added."""
    whole = bytearray(draw(prefixes) + draw(st.just(BODY) | entries.map(lambda one: PLAIN.encode(one)[10:])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(whole) - 1)))
        how = draw(st.sampled_from(["flip", "cut", "insert", "drop", "append"]))
        if how == "flip" and whole:
            whole[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del whole[at:]
        elif how == "insert":
            whole[at:at] = draw(st.binary(min_size=1, max_size=4) | varints)
        elif how == "drop":
            del whole[at : at + 2]
        else:
            whole += draw(st.binary(min_size=1, max_size=9))
    return bytes(whole)


values = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.builds(lambda prefix, inside: prefix + b"".join(inside), prefixes, st.lists(parts, max_size=3)),
    others.map(PLAIN.encode),
    entries.map(PLAIN.encode),
    spoilt(),
)
keys = st.one_of(
    st.just(b"7"), st.none(), st.binary(max_size=25), st.integers(-5, 2**70).map(lambda number: str(number).encode()),
    st.sampled_from([b"", b"0", b"007", b"+7", b"7 ", b"9" * 19, b"9" * 5000, "٧".encode(), b"7\x00", b"\xb2"]),
)  # fmt: skip
headers = st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=40)), max_size=4).map(tuple)


@settings(max_examples=cases(1000))
@given(key=keys, value=values, headers=headers, offset=st.integers(0, 2**40), registry=st.booleans())
def test_any_message_is_an_entry_or_says_why_not(
    codecs: list[Codec], key: bytes | None, value: bytes | None, headers: object, offset: int, registry: bool
) -> None:
    tried(Raw(0, offset, key, value, headers), codecs[registry])  # type: ignore[arg-type]


@pytest.mark.parametrize("schema_id", sorted(GARBAGE))
def test_a_registry_that_answers_garbage_costs_no_message_that_can_be_read_later(
    codecs: list[Codec], schema_id: int
) -> None:
    found = tried(Raw(0, 1, b"7", b"\x00" + struct.pack(">I", schema_id) + BODY, ()), codecs[1])
    if schema_id == 1:
        assert isinstance(found, Entry)
    if schema_id in {3, 4, 5, 12, 13, 14, 17, 19, 20}:  # no schema was told: a registry that is not well
        assert found is None, found
    if schema_id == 11:
        assert isinstance(found, Undecodable)


def test_every_single_bit_flip_is_seen_or_makes_another_valid_entry(codecs: list[Codec]) -> None:
    whole = PLAIN.encode(entry(123456))
    for at, bit in itertools.product(range(len(whole)), range(8)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << bit
        found = tried(Raw(0, 1, b"123456", bytes(spoilt), ()), codecs[0])
        assert isinstance(found, Undecodable) or found.record.order_id == 123456  # type: ignore[union-attr]


@settings(max_examples=cases(200))
@given(key=keys)
def test_a_key_that_is_taken_for_an_order_id_fits_the_ledger(key: bytes | None) -> None:
    try:
        order_id = parse_order_key(key)
    except ValueError:
        return
    assert 0 < order_id < 2**63
    assert order_key(order_id) == key


def test_every_cut_and_every_added_byte_is_seen(codecs: list[Codec]) -> None:
    for codec, prefix in ((codecs[0], PLAIN.encode(entry())[:10]), (codecs[1], b"\x00\x00\x00\x00\x01")):
        whole = prefix + BODY
        assert isinstance(tried(Raw(0, 1, b"7", whole, ()), codec), Entry)
        for length in range(len(whole)):
            assert isinstance(tried(Raw(0, 1, b"7", whole[:length], ()), codec), Undecodable | None)
        for added in range(256):
            assert isinstance(tried(Raw(0, 1, b"7", whole + bytes([added]), ()), codec), Undecodable)


def test_a_schema_within_itself_is_refused_before_it_overruns_the_stack(codecs: list[Codec]) -> None:
    chain = b"\x00" + struct.pack(">I", 21) + (BODY + b"\x02") * 60_000 + BODY + b"\x00"
    found = tried(Raw(0, 1, b"7", chain, ()), codecs[1])
    assert isinstance(found, Undecodable)


@settings(max_examples=cases(200))
@given(log_id=longs, order_id=longs, log_type=st.integers(-(2**31), 2**31 - 1), registry=st.booleans())
def test_a_valid_message_of_any_numbers_is_read_as_written(
    codecs: list[Codec], log_id: int, order_id: int, log_type: int, registry: bool
) -> None:
    codec = codecs[registry]
    record = entry(order_id, log_id=log_id, log_type=log_type)
    found = tried(Raw(0, 3, str(order_id).encode(), codec.encode(record), ()), codec)
    if order_id > 0:
        assert isinstance(found, Entry)
        assert found.record == record
    else:
        assert isinstance(found, Undecodable)
        assert found.reason == "bad_key"
