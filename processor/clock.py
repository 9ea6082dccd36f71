"""One clock that runs on while the process is stopped or the machine sleeps."""

import time


def boottime() -> float:
    """Return seconds on a clock that SIGSTOP and suspend do not halt (CLOCK_BOOTTIME where there is one)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
