"""A guarded program never outlives its guard's parent, however that died and whatever was done to the program."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.waiting import LONG, wait_until

PROGRAM = "import os, time; print(os.getpid(), flush=True); time.sleep(10000)"
GUARD = [sys.executable, "-m", "sandbox.kafka.guard", sys.executable, "-c", PROGRAM]
# starts the guard as the programs do, with the other end of its stdin, and hands on what the guarded program prints
PARENT = f"import subprocess, time; guard = subprocess.Popen({GUARD!r}, stdin=subprocess.PIPE); time.sleep(10000)"


@contextmanager
def printing_its_id(*command: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A process, and the id of the guarded program, which is started by it or for it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def state(pid: int) -> str:
    """The letter of a process's state, nothing when it is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has waited for it yet."""
    return state(pid) in {"", "X", "Z"}


def send(guard: "subprocess.Popen[str]", name: str) -> None:
    assert guard.stdin is not None
    print(name, file=guard.stdin, flush=True)


def test_a_guarded_program_ends_when_the_guards_parent_is_killed() -> None:
    with printing_its_id(sys.executable, "-c", PARENT) as (parent, guarded):
        assert not is_gone(guarded)
        parent.kill()
        wait_until(lambda: is_gone(guarded), LONG, "the guarded program has ended")


def test_a_guarded_program_ends_with_its_parent_even_while_it_is_asleep() -> None:
    with printing_its_id(*GUARD) as (guard, guarded):
        send(guard, "SIGSTOP")
        wait_until(lambda: state(guarded) == "T", LONG, "it is asleep")
        assert guard.stdin is not None
        guard.stdin.close()
        assert guard.wait(LONG) != 0
        assert is_gone(guarded)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_guarded_program_gets_the_signals_that_the_guard_is_given(name: str) -> None:
    with printing_its_id(*GUARD) as (guard, guarded):
        send(guard, name)
        assert guard.wait(LONG) == -signal.Signals[name] % 256
        assert is_gone(guarded)
