"""How every command speaks: data on stdout, log on stderr, one clear sentence for what goes wrong, exit 0, 1 or 2."""

import functools
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from clients import ApiError, BackpressureError
from runtime.client_errors import told_by
from runtime.settings import SettingsError
from runtime.standard_streams import OutputLost, refused_by_system
from schemas.codec import DecodeError, RegistryUnavailable
from schemas.topics import TopicProblem

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = 130
DEBUG = "BL2SM_DEBUG"  # set by `--debug`, wherever it stands


class Refused(Exception):
    """It can't be done, or a problem was found; the sentence says why and what to do. Exit 1."""


class WrongUsage(Exception):
    """What was asked for makes no sense; the sentence says what to give. Exit 2."""


ON_THE_WAY = (KeyboardInterrupt, ApiError, KafkaException, RegistryUnavailable, DecodeError, TopicProblem, Refused)


def command(function: F) -> F:
    """Make a function a command: whatever it raises becomes a sentence and an exit code, with `--debug` a traceback."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        warnings.showwarning = lambda message, *_, **__: note(str(message))
        try:
            return function(*arguments, **named)
        except (typer.Exit, typer.Abort, typer.BadParameter, OutputLost):
            raise
        except KeyboardInterrupt:
            note("stopped")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            _fail(error, *sentence(error))

    return run  # type: ignore[return-value]


def sentence(error: Exception) -> tuple[str, int]:
    """Return what went wrong in a sentence, and the exit code it means."""
    if isinstance(error, SettingsError | WrongUsage):
        return str(error), 2
    if isinstance(error, Refused | TopicProblem):
        return str(error), 1
    if isinstance(error, RegistryUnavailable):
        return f"the schema registry does not answer ({error}): check SCHEMA_REGISTRY_URL", 1
    if isinstance(error, DecodeError):
        return f"a record in Kafka can't be read: {error}", 1
    if isinstance(error, KafkaException):
        return f"Kafka refuses or does not answer: {told_by(error)}", 1
    if isinstance(error, ApiError):
        return f"{error.api}: {error}{waits(error)}", 1
    if isinstance(error, OSError) and error.strerror:
        return refused_by_system(error), 1
    return f"this is a fault of the program ({type(error).__name__}); --debug shows where", 1


def waits(error: ApiError) -> str:
    """Return until when an API asks to wait, "" where it does not say."""
    until = error.retry_at if isinstance(error, BackpressureError) else None
    return f"; wait until {until:%H:%M:%S} UTC" if until is not None else ""


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return bool(os.environ.get(DEBUG))


def note(text: str) -> None:
    """Say something that is no data."""
    print(text, file=sys.stderr, flush=True)


def json_ready(value: Any) -> Any:
    """Return what json.dumps takes: dataclasses as objects, times as ISO text in UTC, durations as seconds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_ready(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 1)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {str(name): json_ready(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_ready(inner) for inner in value]
    return value


def print_json(value: Any) -> None:
    """Print one JSON document on a line of its own."""
    print(json.dumps(json_ready(value), ensure_ascii=False))


def line(text: str = "", style: str | None = None) -> None:
    """Print a line; coloured only on a terminal."""
    if style is None or not sys.stdout.isatty():
        print(text)
    else:
        Console().print(text, style=style, markup=False, highlight=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows: a table on a terminal, else a line each with tabs between, the names of the columns first."""
    shown = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(columns), *shown]:
            print("\t".join(row))
        return
    drawn = Table(box=None, pad_edge=False)
    for name in columns:
        drawn.add_column(name, overflow="fold")
    for row in shown:
        drawn.add_row(*(cell.replace("[", "\\[") for cell in row))
    Console().print(drawn)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far long work is, on a terminal's stderr; yields what is told how much is done."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    both = sys.stdout.isatty()  # data that go elsewhere than to the terminal must not be drawn above the bar
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=both) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def unfinished(how_to_go_on: Callable[[], str]) -> Iterator[None]:
    """Say how to go on where work is interrupted, or fails on the way, before that goes its way."""
    try:
        yield
    except ON_THE_WAY:
        note(how_to_go_on())
        raise


def age(seconds: float | None) -> str:
    """Return a duration for people: 5 s, 12 min, 3.5 h, 2.1 d."""
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def _fail(error: Exception, text: str, code: int) -> None:
    if debugging():
        raise error
    note(text)
    raise typer.Exit(code) from None
