"""Servers that handle each connection by hand."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that handles each connection by hand: its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def read_request(connection: socket.socket) -> bytes:
    """One request whose length is known; empty once the connection has ended, in order or not."""
    found = bytearray()
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            found += data
            head, end, body = bytes(found).partition(b"\r\n\r\n")
            length = re.search(rb"(?i)^content-length: *([0-9]+)", head, re.MULTILINE)
            if end and len(body) >= (int(length[1]) if length else 0):
                return bytes(found)
    return b""
