"""Waiting for an effect: the time is an upper bound, not an expectation."""

import subprocess
import time
from collections.abc import Callable

LONG = 180.0  # an upper bound for anything, on a busy machine
LOOK_SECONDS = 0.2


def wait_until(true: Callable[[], object], seconds: float, what: str, *running: "subprocess.Popen[bytes]") -> None:
    """Ask again and again until it is true; it fails, too, when one of these programs ends meanwhile."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        ended = [(process.args, code) for process in running if (code := process.poll()) is not None]
        assert not ended, f"a program ended before: {what}; {ended}"
        time.sleep(LOOK_SECONDS)


def wait_until_none(found: Callable[[], list[str]], seconds: float, what: str) -> None:
    """Ask again and again until nothing is found; a failure shows what was still found."""
    until = time.monotonic() + seconds
    while left := found():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}; left are {len(left)}: {left[:20]}"
        time.sleep(LOOK_SECONDS)
