"""Threads that only call: what they bring comes back to the main thread, which owns all state."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from processor.job import Job, Step
from processor.redact import nameless


@dataclass(frozen=True, slots=True)
class Reply:
    """How the call of a step ended, for these jobs; none: a probe."""

    jobs: tuple[Job, ...]
    step: Step
    value: Any
    error: BaseException | None


class Pool:
    """Used by the main thread alone; marks the jobs of the calls under way."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deliver")
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        self.in_flight = 0
        self.looking = 0

    def start(self, jobs: tuple[Job, ...], step: Step, call: Callable[[], Any]) -> None:
        """Begin a call."""

        def work() -> None:
            try:
                self._replies.put(Reply(jobs, step, call(), None))
            except BaseException as error:
                self._replies.put(Reply(jobs, step, None, nameless(error)))

        self._count(jobs, step, 1)
        self._threads.submit(work)

    def replies(self, seconds: float) -> Iterator[Reply]:
        """Hand out what has come; wait up to so many seconds for the first."""
        while True:
            try:
                reply = self._replies.get(timeout=seconds) if seconds > 0 else self._replies.get_nowait()
            except Empty:
                return
            seconds = 0
            self._count(reply.jobs, reply.step, -1)
            yield reply

    def shut(self) -> None:
        """Wait for the calls under way (each has its time-out) and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _count(self, jobs: tuple[Job, ...], step: Step, by: int) -> None:
        self.in_flight += by
        self.looking += by if step is Step.LOOK else 0
        for job in jobs:
            job.in_call = by > 0
