"""A broker never outlives the test that started it."""

import subprocess
import sys


def guarded() -> "subprocess.Popen[str]":
    """A guard over a program that says its process id and would go on for ever."""
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(10000)"
    command = [sys.executable, "-m", "sandbox.kafka.guard", sys.executable, "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_guarded_program_ends_with_its_parent_also_when_it_was_put_to_sleep() -> None:
    with guarded() as guard:
        assert guard.stdin is not None and guard.stdout is not None
        assert guard.stdout.readline().strip().isdigit()
        print("SIGSTOP", file=guard.stdin, flush=True)
        guard.stdin.close()
        assert guard.wait(60) != 0


def test_a_guarded_program_can_be_killed_by_name_of_signal() -> None:
    with guarded() as guard:
        assert guard.stdin is not None and guard.stdout is not None
        assert guard.stdout.readline().strip().isdigit()
        print("SIGKILL", file=guard.stdin, flush=True)
        assert guard.wait(60) != 0
