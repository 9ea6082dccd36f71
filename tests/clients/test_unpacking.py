"""Packed answers, by the piece and over the line."""

import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Sequence

import httpx
import pytest

from clients.errors import RetriableError
from clients.http import Http
from clients.unpacking import MOST, PIECE, unpacked
from tests.clients.listening import listening, read_request

TEXT = b'{"name": "\xc5\xbbaneta"}' * 1000


def bare(content: bytes) -> bytes:
    """Deflate without zlib's header, as some servers send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def both(content: bytes) -> bytes:
    return gzip.compress(zlib.compress(content))


def by(size: int, content: bytes) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@pytest.mark.parametrize("size", [7, 65536])
@pytest.mark.parametrize(
    ("pack", "codings"),
    [
        (gzip.compress, ["gzip"]),
        (gzip.compress, [" GZip "]),
        (zlib.compress, ["deflate"]),
        (bare, ["deflate"]),
        (both, ["deflate", "gzip"]),
        (bytes, []),
        (bytes, ["identity"]),
        (bytes, ["of-its-own"]),
    ],
)
def test_what_was_packed_comes_out_however_it_was_cut(
    pack: Callable[[bytes], bytes], codings: Sequence[str], size: int
) -> None:
    assert b"".join(unpacked(by(size, pack(TEXT)), codings)) == TEXT


@pytest.mark.parametrize("codings", [["gzip"], ["deflate"], ["gzip", "deflate"]])
def test_what_is_not_packed_as_it_claims_is_an_error(codings: Sequence[str]) -> None:
    with pytest.raises(httpx.DecodingError):
        list(unpacked([b"not packed at all"], codings))


def test_what_is_packed_too_often_is_an_error() -> None:
    with pytest.raises(httpx.DecodingError):
        list(unpacked([b""], ["gzip"] * (MOST + 1)))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_no_piece_is_larger_than_a_mebibyte(times: int) -> None:
    content = bytes(5 * PIECE + 1)
    for _ in range(times):
        content = gzip.compress(content)
    sizes = [len(piece) for piece in unpacked([content], ["gzip"] * times)]
    assert sum(sizes) == 5 * PIECE + 1 and max(sizes) <= PIECE


def test_an_answer_that_would_fill_the_memory_is_given_up() -> None:
    content = gzip.compress(gzip.compress(bytes(512 * PIECE), 1))

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(content)
        connection.sendall(head + content)

    with listening(serve) as url:
        http = Http("test", 60.0)
        tracemalloc.start()
        try:
            with pytest.raises(RetriableError, match="larger than 64 MiB"):
                http.post_json(url, {})
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            http.close()
    assert most < 256 * PIECE
