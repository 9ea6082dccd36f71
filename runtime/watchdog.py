"""Ends a program whose loop is stuck, so that it is started again: compose restarts nothing for a failed health check.

Nothing is lost by it: a program that is killed at any instant continues where it was.
"""

import os
import threading
import time
from collections.abc import Callable

from runtime.health import STUCK_SECONDS, Health
from runtime.logging import get_logger

LOOK_SECONDS = 10.0


class Watchdog:
    """Looks until closed. Only time in which it could look counts: a suspended process is not stuck.

    `wait` waits so many seconds before each look, and returns whether it was closed meanwhile.
    """

    def __init__(
        self,
        health: Health,
        end: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._health, self._end, self._clock = health, end, clock
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()

    def _run(self) -> None:
        stuck, looked_at = 0.0, self._clock()
        while not self._wait(LOOK_SECONDS):
            now = self._clock()
            stuck = 0.0 if self._health.live else stuck + min(now - looked_at, 2 * LOOK_SECONDS)
            looked_at = now
            if stuck >= STUCK_SECONDS:
                get_logger(__name__).error("the program's loop is stuck: ending, to be started again")
                self._end(1)
                return
