"""Output that can't be written: exit code 1 and a sentence. A reader that has gone: 141. Buffered or not."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = shlex.quote(sys.executable)
CLI = [sys.executable, "-m", "operations.cli"]
PRINTING = {
    "help": [*CLI, "--help"],
    "no command": CLI,
    "help of a command": [*CLI, "status", "--help"],
    "help of an undecorated command": [*CLI, "produce", "--help"],
    "group without a command": [*CLI, "dead-letters"],
    "help of a group's command": [*CLI, "settings", "set", "--help"],
    "completion": ["bash", "-c", f"{PYTHON} -m operations.cli --install-completion; exit $?"],
    "producer": [sys.executable, "-m", "producer", "--help"],
    "processor": [sys.executable, "-m", "processor", "--help"],
}
FULL = Path("/dev/full")
EVERY = [(name, "") for name in PRINTING] + [("help", "1"), ("processor", "1")]  # the latter unbuffered
SOME = [("help", ""), ("help", "1"), ("help of a group's command", ""), ("producer", ""), ("producer", "1")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the machine's own but where to find programs."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


def closed_pipe() -> int:
    """Return the end to write into of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def ended(
    command: list[str], environment: dict[str, str], unbuffered: str = "", stdout: int = -1, stderr: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; streams that are not given are read."""
    return subprocess.run(
        command,
        env={**environment, "PYTHONUNBUFFERED": unbuffered},
        stdout=stdout, stderr=stderr, text=True, check=False, timeout=150,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "unbuffered"), EVERY)
def test_output_onto_a_full_disk_is_exit_code_1_and_one_sentence(
    name: str, unbuffered: str, environment: dict[str, str]
) -> None:
    with FULL.open("w") as full:
        ran = ended(PRINTING[name], environment, unbuffered, stdout=full.fileno())
    assert ran.returncode == 1
    assert ran.stderr.startswith("the system refuses: No space left on device")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(("name", "unbuffered"), SOME)
def test_output_into_a_closed_pipe_ends_with_141_and_no_word(
    name: str, unbuffered: str, environment: dict[str, str]
) -> None:
    pipe = closed_pipe()
    ran = ended(PRINTING[name], environment, unbuffered, stdout=pipe)
    os.close(pipe)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_debug_shows_where_output_failed(environment: dict[str, str]) -> None:
    with FULL.open("w") as full:
        ran = ended([*CLI, "--help", "--debug"], environment, stdout=full.fileno())
    assert ran.returncode == 1
    assert "Traceback" in ran.stderr
    assert "Exception ignored" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["nonsense"], 2), (["topics"], 2)],
    ids=["help", "no such command", "a setting is missing"],
)
@pytest.mark.parametrize("pipe", [False, True], ids=["full disk", "closed pipe"])
def test_a_log_that_cannot_be_written_changes_neither_exit_code_nor_output(
    arguments: list[str], code: int, pipe: bool, environment: dict[str, str]
) -> None:
    known = ended([*CLI, *arguments], environment)
    assert known.returncode == code
    stderr = closed_pipe() if pipe else os.open(FULL, os.O_WRONLY)
    ran = ended([*CLI, *arguments], environment, stderr=stderr)
    os.close(stderr)
    assert (ran.returncode, ran.stdout) == (code, known.stdout)


def test_closed_streams_crash_nothing(environment: dict[str, str]) -> None:
    command = f"{PYTHON} -m operations.cli"
    assert ended(["bash", "-c", f"{command} --help >&- 2>&-"], environment).returncode == 0
    assert ended(["bash", "-c", f"{command} topics 2>&-"], environment).stdout == ""
