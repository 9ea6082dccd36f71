"""Threads that only call: what they bring comes back to the main thread, which owns all state."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from processor.deliver.attempt import Attempt, Step
from processor.redact import nameless


@dataclass(frozen=True, slots=True)
class Reply:
    """How the call of a step ended, for these attempts, and when; step None: a probe."""

    attempts: tuple[Attempt, ...]
    step: Step | None
    value: Any
    error: BaseException | None
    at: float


class Pool:
    """Used by the main thread alone; marks the attempts of the calls under way."""

    def __init__(self, threads: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deliver")
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        self.in_flight = 0
        self.looking = 0

    def start(self, attempts: tuple[Attempt, ...], step: Step | None, call: Callable[[], Any]) -> None:
        """Begin a call."""

        def work() -> None:
            try:
                value = call()
                self._replies.put(Reply(attempts, step, value, None, self._clock()))
            except BaseException as error:
                self._replies.put(Reply(attempts, step, None, nameless(error), self._clock()))

        self._count(attempts, step, 1)
        self._threads.submit(work)

    def replies(self, seconds: float) -> Iterator[Reply]:
        """Hand out what has come; wait up to so many seconds for the first."""
        while True:
            try:
                reply = self._replies.get(timeout=seconds) if seconds > 0 else self._replies.get_nowait()
            except Empty:
                return
            seconds = 0
            self._count(reply.attempts, reply.step, -1)
            yield reply

    def close(self) -> None:
        """Wait for the calls under way (each has its time-out) and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _count(self, attempts: tuple[Attempt, ...], step: Step | None, by: int) -> None:
        self.in_flight += by
        self.looking += by if step is Step.LOOK else 0
        for attempt in attempts:
            attempt.in_call = by > 0
