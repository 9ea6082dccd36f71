"""Answers that are no HTTP, or lie about themselves, over a real socket."""

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import ApiError, BackpressureError, FatalError, Http, RetriableError, SalesManago
from tests.harness.cases import cases
from tests.hostile.odd import HEADERS, nested
from tests.hostile.references import EVENT


class Raw:
    """Reads one request, answers with given bytes, hangs up."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/api"
        self.answer = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got or b"}}" not in got:
            got += connection.recv(65536) or b"\r\n\r\n}}"
        connection.sendall(self.answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


@pytest.fixture(scope="module")
def server() -> Iterator[Raw]:
    raw = Raw()
    yield raw
    raw.socket.close()


GOOD = b'{"success":true,"message":[],"eventId":"e1"}'
HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = (
    b"", b"\x00" * 100, b"HTTP/9.9 999 \xff\r\n\r\n", b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 200\r\n\r\n",
    HEAD + b"Content-Length: 5000\r\n\r\n" + GOOD, HEAD + b"Content-Length: -1\r\n\r\n" + GOOD,
    HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n" + GOOD,
    HEAD + b"X: " + b"y" * 200_000 + b"\r\n\r\n" + GOOD,
    HEAD + b"X:y\r\n" * 20_000 + b"\r\n" + GOOD, HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + GOOD + b"\r\n", HEAD + b"\xff\xfe: \xff\r\n\r\n" + GOOD,
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 44\r\n\r\n" + GOOD, HEAD + b"A\x00B: c\r\n\r\n" + GOOD,
    HEAD + b"Content-Encoding: deflate\r\nContent-Length: 44\r\n\r\n" + GOOD, b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + GOOD,
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n", HEAD + b"\r\n" + nested(100_000),
    b"HTTP/1.1 302 Found\r\nLocation: http://[::bad\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: //\x7f:99999999/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://xn--\xff.\xe9/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://" + b"a" * 70_000 + b"/\r\nContent-Length: 0\r\n\r\n",
)  # fmt: skip

heads = st.sampled_from(HEADERS).map(
    lambda found: b"".join(f"{name}: {value}\r\n".encode() for name, value in found.items())
)
built = st.builds(
    lambda status, head, body: b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), head, body),
    st.integers(100, 600),
    heads,
    st.binary(max_size=50) | st.just(GOOD),
)
torn = st.builds(lambda whole, at: whole[: at % (len(whole) + 1)], built, st.integers(0, 500))


def judge(server: Raw, answer: bytes) -> None:
    """A create is answered by these bytes: its id, or an error that does not claim it was not made."""
    server.answer = answer
    http = Http("SALESmanago", 5.0)
    try:
        assert SalesManago(http, server.url, "c", "s", "k", "o@example.com").add_event("c1", EVENT)
    except (RetriableError, BackpressureError) as error:
        assert error.may_have_applied, error
    except FatalError:
        assert answer[:14].split()[1:2] in ([b"401"], [b"403"])
    except ApiError as error:
        raise AssertionError(ascii(error)) from None
    finally:
        http.close()


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_bytes_that_are_no_answer_leave_a_create_in_doubt(server: Raw, number: int) -> None:
    judge(server, ANSWERS[number])


@settings(max_examples=cases(60, 3000))
@given(answer=built | torn | st.binary(max_size=100))
def test_any_bytes_leave_a_create_in_doubt(server: Raw, answer: bytes) -> None:
    judge(server, answer)
