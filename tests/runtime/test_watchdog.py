"""A loop that stands still ends the program; one that turns, or turns again, does not."""

import threading
from collections.abc import Iterator, Sequence

from runtime.health import STUCK_SECONDS, Health
from runtime.watchdog import LOOK_SECONDS, Watchdog
from tests.harness.waiting import LONG

TURNS, STANDS, SLEEPS = "the loop turns", "the loop stands still", "the whole process is asleep for hours"
TOO_LONG = round(STUCK_SECONDS / LOOK_SECONDS)  # looks
Looks = Sequence[str]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ended_after(looks: Looks) -> tuple[list[int], int]:
    """The exit codes of a program whose watchdog sees this before each look, and how many looks it took."""
    clock, over = Clock(), threading.Event()
    health, codes, taken = Health(clock), [], []
    steps: Iterator[str] = iter(looks)

    def wait(seconds: float) -> bool:
        step = next(steps, None)
        if step is None:
            over.set()
            return True
        taken.append(step)
        clock.now += 3 * 3600 if step == SLEEPS else seconds
        if step == TURNS:
            health.turn()
        return False

    def end(code: int) -> None:
        codes.append(code)
        over.set()

    Watchdog(health, end, clock, wait)
    assert over.wait(LONG)
    return codes, len(taken)


def test_a_loop_that_turns_is_left_alone() -> None:
    assert ended_after([TURNS] * 10 * TOO_LONG) == ([], 10 * TOO_LONG)


def test_a_loop_that_stands_still_ends_the_program_after_a_while() -> None:
    codes, looks = ended_after([TURNS, *[STANDS] * 10 * TOO_LONG])
    assert codes == [1]
    assert looks == 2 * TOO_LONG  # so long it may take, and so long it is watched standing still


def test_a_loop_that_turns_again_in_time_is_left_alone() -> None:
    nearly = [STANDS] * (2 * TOO_LONG - 2)
    assert ended_after([TURNS, *nearly, TURNS, *nearly, TURNS]) == ([], 2 * len(nearly) + 3)


def test_time_in_which_the_process_was_asleep_does_not_count() -> None:
    assert ended_after([TURNS, SLEEPS, STANDS, TURNS]) == ([], 4)
    assert ended_after([TURNS, SLEEPS, *[STANDS] * TOO_LONG])[0] == [1]
