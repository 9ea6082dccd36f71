"""stdout and stderr of a program: what can't be written is known before its exit code is decided, and fails once.

Left to the interpreter, what is still in stdout's buffer fails after `main` has returned: exit code 120, a traceback.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FAILED, BROKEN_PIPE = 1, 141


class OutputLost(Exception):
    """stdout can't be written; its cause is the OSError. No OSError itself: only `run` is to catch it."""


class _Output(io.FileIO):
    """What is below stdout. It fails once, with `error`; all that is written after that is dropped."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write; OutputLost."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
                raise OutputLost from error
        return memoryview(data).nbytes


class _Errors(io.FileIO):
    """What is below stderr. What can't be written is dropped: a log on a full disk continues once there is room."""

    def write(self, data: ReadableBuffer) -> int:
        """Write, if that can be done."""
        with suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes


def run(program: Callable[[], int | None], debug: bool = False) -> int | str | None:
    """Run a program to its end and return its exit code, for `sys.exit`.

    1 and a sentence on stderr (`debug`: a traceback, too) where stdout can't be written, 141 without a word where its
    reader has gone. A stderr that can't be written changes nothing.
    """
    file = _Output(_descriptor(sys.stdout), "w", closefd=False)
    output = sys.stdout = _over(file, sys.stdout)
    sys.stderr = _over(_Errors(_descriptor(sys.stderr), "w", closefd=False), sys.stderr)
    code: int | str | None = FAILED
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    except OutputLost:
        if debug:
            traceback.print_exc()
    finally:
        with suppress(OutputLost):
            output.flush()
    if file.error is None:
        return code
    if isinstance(file.error, BrokenPipeError):
        return BROKEN_PIPE
    print(refused_by_system(file.error), file=sys.stderr)
    return FAILED


def refused_by_system(error: OSError) -> str:
    """Return what the system refused, in a sentence."""
    where = f" ({error.filename})" if error.filename else ""
    return f"the system refuses: {error.strerror}{where}; check the disk, permissions and what the output goes to"


def _descriptor(stream: TextIO | None) -> int:
    """Return a stream's file; what is written to a closed one goes nowhere."""
    return stream.fileno() if stream is not None else os.open(os.devnull, os.O_WRONLY)


def _over(file: io.FileIO, stream: TextIO | None) -> io.TextIOWrapper:
    """Return a stream like this one over a file of ours."""
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(file))
    below = file if stream.write_through else io.BufferedWriter(file)  # the former: PYTHONUNBUFFERED
    return io.TextIOWrapper(
        below,
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
