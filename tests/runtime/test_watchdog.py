"""A loop that stands still ends the program; one that turns, or turns again, does not."""

import threading
import time

from runtime.health import STUCK_SECONDS, Health
from runtime.watchdog import Watchdog


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_stands_still_ends_the_program_after_a_while() -> None:
    clock, ended = Clock(), threading.Event()
    health, codes = Health(clock), []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    watchdog = Watchdog(health, end, look=0.01, patience=0.2)
    try:
        time.sleep(0.5)
        assert not codes, "it turned a moment ago"
        clock.now += STUCK_SECONDS + 1
        time.sleep(0.05)
        health.turn()
        time.sleep(0.5)
        assert not codes, "it turns again"
        clock.now += STUCK_SECONDS + 1
        assert ended.wait(30)
        assert codes == [1]
    finally:
        watchdog.close()
