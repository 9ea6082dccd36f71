"""`.env`, changed value by value: what else stands there stays, comments too; readable by its owner alone (0600)."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from operations.output import Refused
from runtime.environment import read_variables
from runtime.settings import SECRETS

_BROKEN = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")  # a line that can't be read has its name, too
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+,%-]*")


def merged(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these values set: theirs replaced where they stand, new ones appended, the rest as it was.

    A value may have several lines. Of a name that is set twice, one is left.
    """
    left = dict(values)
    new = ""
    for binding in parse_stream(StringIO(text)):
        name = _name(binding)
        if name not in values:
            new += binding.original.string
            continue
        new += _blank_lines(binding)
        if name in left:
            new += f"{name}={quoted(left.pop(name))}\n"
    if new and not new.endswith("\n"):
        new += "\n"
    return new + "".join(f"{name}={quoted(value)}\n" for name, value in left.items())


def from_files(path: Path) -> frozenset[str]:
    """Return the secrets that come from files of their own: `<NAME>_FILE` is set, in the process or in `.env`."""
    named = read_variables(os.environ, path, lambda name: False).values
    return frozenset(name for name in SECRETS if f"{name}_FILE" in named)


def quoted(value: str) -> str:
    """Return a value as `.env` takes it."""
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def check_writable(path: Path) -> None:
    """Refused where it could not be written; it stays as it is."""
    with _telling(path):
        _read(path)
        handle, name = _beside(path)
        os.close(handle)
        Path(name).unlink()


def write(path: Path, values: Mapping[str, str]) -> None:
    """Merge into the file at once: a crash leaves the old one whole. Refused where it can't be written."""
    with _telling(path):
        old = _read(path)
        new = merged(old, values)
        if values.items() - dotenv_values(stream=StringIO(new), interpolate=False).items():
            raise Refused(f"{path} has a quote that is not closed{_unreadable(old)}: nothing was changed; close it")
        handle, name = _beside(path)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path.resolve())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _name(binding: Binding) -> str:
    if binding.error:
        match = _BROKEN.match(binding.original.string)
        return match[1].upper() if match else ""
    return (binding.key or "").upper()


def _blank_lines(binding: Binding) -> str:
    """Return the empty lines above: the parser counts them as its own."""
    text = binding.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return blank[: blank.rfind("\n") + 1]


def _unreadable(text: str) -> str:
    """Return where the first line that can't be read stands."""
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            line = binding.original.line + _blank_lines(binding).count("\n")
            return f" in line {line}"
    return ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig") if path.exists() else ""


def _beside(path: Path) -> tuple[int, str]:
    """Open a new file in the same folder; 0600."""
    return tempfile.mkstemp(prefix=f"{path.name}.", dir=path.resolve().parent)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise Refused(f"{path} can't be written ({why}): nothing was changed; mend its permissions") from None
