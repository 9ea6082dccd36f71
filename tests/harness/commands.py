"""A `bl2sm` command, run to its end: in this process, or as one of its own where the process is the point."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest.mock import patch

import click
from typer.testing import CliRunner

from operations.cli import COMMANDS, build

TIMEOUT = 150  # an upper bound, on a busy machine


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


def bl2sm(environment: Mapping[str, str], *arguments: str, **more: str) -> Ran:
    """Run one in this process, with exactly this environment and in an empty folder. Not for use in threads."""
    asked = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
    with _as_a_process({**environment, **more}):
        ran = CliRunner().invoke(build(asked), arguments, prog_name="bl2sm")
    if ran.exception is not None and not isinstance(ran.exception, SystemExit | click.exceptions.Exit):
        raise ran.exception
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def catch_up(environment: Mapping[str, str], *programs: str, **more: str) -> None:
    """Let a producer, then a processor (or only these `programs`) catch up in this process. Not for use in threads.

    Takes a tenth of the CPU of two processes.
    """
    for name in programs or ("producer", "processor"):
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            with _as_a_process({**environment, **more}):
                code = import_module(f"{name}.main").main(["--until-caught-up"])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert code == 0, f"the {name} ended with {code}"


def bl2sm_process(environment: Mapping[str, str], *arguments: str, **more: str) -> Ran:
    """Run one as a process of its own, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [sys.executable, "-m", "operations.cli", *arguments],
            env={**environment, **more}, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT,
        )  # fmt: skip
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def _as_a_process(environment: Mapping[str, str]) -> Iterator[None]:
    """Give this process another environment, an empty folder, and its own logging back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        with (
            patch.dict(os.environ, environment, clear=True),
            tempfile.TemporaryDirectory() as folder,
            chdir(folder),
        ):
            yield
    finally:
        root.handlers, root.level = handlers, level
