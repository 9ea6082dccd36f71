"""Values that no documentation promises, and answers that hold them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

MISSING = object()
LONG = "x" * 100_000
VALUES: tuple[Any, ...] = (
    MISSING, None, "", " ", 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**70), 10**400, 1.5, -0.0, 12.0, 1e308, float("nan"),
    float("inf"), float("-inf"), True, False, "0", "7", "-5", "1e9", "7.0", "٣", "²", "9" * 19, "9" * 5000, "nan",
    "1,2", [], {}, [None], ["x", 7], {"a": 1}, {"0": "x"}, [[]], [{}], {"0": {}}, [[[["deep"]]]], "\ud800",
    "a\udfffb", "\ud83d\ude00", "a\x00b", "\x1b[31mred\r\nX: y", LONG, "9" * 100_000, "1," * 50_000, "😀" * 30_000,
    "שלום עולם",
    "\u202eabc\u202c", "é" * 300, "e\u0301" * 300, "\ufeffx", "\uffff", "ﷺ" * 300, "İ", "ß", "jan@example.com",
    "jan\n@example.com", "JAN@EXAMPLE.COM ", "a@b", "@", "a@@b.pl", f"{'a' * 65}@b.pl", f"a@{'b.' * 200}pl", "ą@ż.pl",
    "a@allegromail.pl", "+48 601 234 567", "0048601234567", "000", "+", "tel. 601-234-567 lub 602 345 678", "12:30",
    "2026-13-45 00:00:00", "0001-01-01 00:00:00", "<script>", "'; drop table", "%40", "shop", "allegro", "order_return",
)  # fmt: skip

odd = st.one_of(
    st.sampled_from(VALUES),
    st.text(st.characters(codec=None), max_size=40),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)


def replaced(found: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a JSON value with one place replaced, or taken away."""
    if not path:
        return None if value is MISSING else value
    here, rest = path[0], path[1:]
    if isinstance(found, Mapping):
        copy = dict(found)
        if not rest and value is MISSING:
            copy.pop(here, None)
        elif here in copy or not rest:
            copy[here] = replaced(copy.get(here), rest, value)
        return copy
    if isinstance(found, list) and isinstance(here, int) and here < len(found):
        before, after = found[:here], found[here + 1 :]
        return [*before, *([] if not rest and value is MISSING else [replaced(found[here], rest, value)]), *after]
    return found


def places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value, the whole first."""
    yield path
    if isinstance(found, Mapping):
        for name, value in found.items():
            yield from places(value, (*path, name))
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from places(value, (*path, index))


def mutated(found: Any) -> st.SearchStrategy[Any]:
    """Answers with one to five places replaced."""
    one = st.tuples(st.sampled_from(list(places(found))), odd)

    def apply(changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
        answer = found
        for path, value in changes:
            answer = replaced(answer, path, value)
        return answer

    return st.lists(one, min_size=1, max_size=5).map(apply)


def nested(depth: int, around: bytes = b'{"a":%s}') -> bytes:
    """JSON nested so many times."""
    before, after = around.split(b"%s")
    return before * depth + b"1" + after * depth


STATUSES = (
    200,
    201,
    202,
    204,
    206,
    301,
    302,
    304,
    307,
    400,
    401,
    403,
    404,
    408,
    409,
    422,
    429,
    500,
    502,
    503,
    504,
    599,
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"retry-after": "5"},
    {"retry-after": "²"},
    {"retry-after": "9" * 5000},
    {"retry-after": "-1"},
    {"retry-after": "Wed, 99 Foo 2026 99:99:99 GMT"},
    {"retry-after": "Wed, 25 Nov 2026 10:00:00 GMT"},
    {"content-encoding": "gzip"},
    {"content-encoding": "br, zstd, nonsense"},
    {"content-type": "text/html; charset=nonsense"},
    {"location": "http://[::bad"},
    {"location": "//\x7f:99999999/"},
    {"location": "http://example.com:http/"},
    {"location": "é"},
    {"set-cookie": "a=b; expires=never; domain=.x"},
)

bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["status", "success", "message", "error_code", "error_message", "logs", "orders", "contacts", "sources",
                 "users", "catalogs", "eventId", "contactId", "problems", "reasonCode", "result"]
            ),
            inner,
            max_size=5,
        ),
        max_leaves=20,
    ).map(lambda found: json.dumps(found).encode()),
    st.sampled_from(
        (b"", b"null", b"[]", b"{}", b"\xef\xbb\xbf", b'\xef\xbb\xbf{"success":true}',
         '{"success":"é"}'.encode("latin-1"),
         '{"success":true}'.encode("utf-16"), b"<html>502</html>", b'{"success":tru', nested(500), nested(900),
         nested(990), nested(100_000), nested(100_000, b"[%s]"), b'{"success":%s}' % nested(800, b"[%s]"),
         b'{"status":"SUCCESS","orders":[{"order_id":7,"delivery_price":%s}]}' % nested(900, b"[%s]"),
         b'{"success":false,"message":["' + b"a" * 1_000_000 + b'"]}', b"9" * 5000,
         b'{"success":false,"message":["\\ud800"]}', b'{"success":1e999}', b'{"success":null}', b'{"success":"maybe"}',
         b'{"success":[]}', b'{"success":true}', b'{"success":true,"success":false}')
    ),
)  # fmt: skip
