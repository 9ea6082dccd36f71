"""Unpacks answers piece by piece: httpx unpacks what came at once, and a few bytes may hold gigabytes."""

import zlib
from collections.abc import Iterable, Iterator, Sequence

import httpx

PIECE = 1024 * 1024
MOST = 5
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def unpacked(chunks: Iterable[bytes], codings: Sequence[str]) -> Iterator[bytes]:
    """Undo the codings of `Content-Encoding`, the last one first; pieces are at most 1 MiB.

    Only gzip and deflate are asked for; another coding is left as it is. Raises httpx.DecodingError.
    """
    packed = [name for coding in codings if (name := coding.strip().lower()) in _WINDOWS]
    if len(packed) > MOST:
        raise httpx.DecodingError(f"packed more than {MOST} times")
    for coding in reversed(packed):
        chunks = _inflated(chunks, coding)
    yield from chunks


def _inflated(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    inflate, began = zlib.decompressobj(_WINDOWS[coding]), False
    for chunk in chunks:
        try:
            try:
                piece = inflate.decompress(chunk, PIECE)
            except zlib.error:
                if began or coding != "deflate":
                    raise
                inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers leave zlib's header out
                piece = inflate.decompress(chunk, PIECE)
            began = True
            while piece:
                yield piece
                piece = inflate.decompress(inflate.unconsumed_tail, PIECE)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
