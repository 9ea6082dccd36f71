"""Waiting for an effect: the time is an upper bound, not an expectation."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Ask again and again; the time is an upper bound, not an expectation."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


def wait_until_none(found: Callable[[], list[str]], seconds: float, what: str) -> None:
    """Ask again and again until nothing is found; a failure tells what still was."""
    until = time.monotonic() + seconds
    while left := found():
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}; left are {len(left)}: {left[:20]}"
        time.sleep(0.3)
