"""`.env`, changed line by line: what stands there stays, comments too; readable by its owner alone (0600)."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from operations.output import Refused

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+,%-]*")


def merged(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these values set: lines of theirs replaced, new ones appended, all others as they were."""
    left = dict(values)
    lines = []
    for old in text.splitlines():
        match = _LINE.match(old)
        name = match[1].upper() if match else ""
        if name in values:
            if name in left:
                lines.append(f"{name}={quoted(left.pop(name))}")
            continue
        lines.append(old)
    lines += [f"{name}={quoted(value)}" for name, value in left.items()]
    return "\n".join(lines) + "\n"


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
        handle, name = _beside(path)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(merged(old, values))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path.resolve())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


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
