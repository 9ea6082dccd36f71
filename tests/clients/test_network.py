"""The last check at the socket, and the end of answers that dribble: over real sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpcore
import pytest

from clients.errors import RetriableError
from clients.http import Http
from clients.network import Call, Network
from tests.clients.listening import listening, read_request


def whole(connection: socket.socket) -> bytes:
    """All that comes until the connection ends, in order or not."""
    found = bytearray()
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            found += data
    return bytes(found)


def test_a_check_that_turns_bad_after_the_writing_began_keeps_the_body_unsent() -> None:
    received = bytearray()
    asked = threading.Event()

    def serve(connection: socket.socket) -> None:
        received.extend(whole(connection))
        asked.set()

    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) == 2:  # once when httpx begins with the body, once at the socket
            raise TimeoutError("too old")

    with listening(serve) as url:
        http = Http("test", 5.0)
        with pytest.raises(TimeoutError):
            http.post_json(url, {"what": "never sent"}, check)
        http.close()
        assert asked.wait(10)
    assert b"POST" in received and b"never sent" not in received


def test_a_check_that_turns_bad_once_the_body_is_written_does_not_count_as_unsent() -> None:
    received = bytearray()

    def serve(connection: socket.socket) -> None:
        received.extend(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) > 2:  # once when httpx begins with the body, once at the socket
            raise TimeoutError("too old")

    with listening(serve) as url:
        http = Http("test", 5.0)
        assert http.post_json(url, {"what": "sent"}, check).content == b"{}"
        http.close()
    assert b'"sent"' in received


def test_headers_that_dribble_are_given_up_at_the_calls_end() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        try:
            for number in range(200):
                connection.sendall(b"X-%d: y\r\n" % number)
                time.sleep(0.1)
        except OSError:
            return

    with listening(serve) as url:
        http = Http("test", 1.0)
        began = time.monotonic()
        with pytest.raises(RetriableError):
            http.post_json(url, {})
        assert time.monotonic() - began < 15  # twenty seconds of headers
        http.close()


@contextmanager
def stuck_line() -> Iterator[tuple[int, Callable[[], bytes]]]:
    """A server without room for more than a little: its port, and what it gets in all once the line is free again."""
    free, ended = threading.Event(), threading.Event()
    received = bytearray()

    def serve() -> None:
        connection, _ = server.accept()
        free.wait(30)
        received.extend(whole(connection))
        ended.set()

    def get() -> bytes:
        free.set()
        assert ended.wait(10)
        return bytes(received)

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        server.bind(("127.0.0.1", 0))
        server.listen()
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], get


def test_a_request_that_was_given_up_is_not_delivered_later() -> None:
    with stuck_line() as (port, get):
        http = Http("test", 0.5)
        with pytest.raises(RetriableError) as caught:
            http.post_json(f"http://127.0.0.1:{port}/", {"what": "x" * 20_000 + "the end"})
        assert caught.value.may_have_applied
        received = get()
        http.close()
    assert b"POST" in received and b"the end" not in received


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no time-out for what is written")
def test_what_a_stopped_process_has_written_is_not_delivered_after_the_calls_time() -> None:
    with stuck_line() as (port, get):
        stream = Network(Call(), 0.5).connect_tcp("127.0.0.1", port)  # nobody reads, and nobody closes
        stream.write(b"POST" + b"x" * 20_000 + b"the end")
        with pytest.raises((httpcore.ReadTimeout, httpcore.ReadError)):
            stream.read(1, timeout=20)  # the kernel gives up
        received = get()
        stream.close()
    assert b"POST" in received and b"the end" not in received
