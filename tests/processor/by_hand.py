"""Threads for tests: what a stage hands to its pool runs when the test says so, on the test's thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest


class Threads:
    """Stands in for a ThreadPoolExecutor."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, work: Callable[..., Any], *given: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: work(*given)))
        return future

    def run(self, number: int = 0) -> None:
        """Let one call end: the oldest, or that with a number."""
        future, work = self._waiting.pop(number)
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    def run_all(self) -> None:
        """Let all calls end that are under way now."""
        for _ in range(len(self)):
            self.run()

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        self._waiting.clear()


@contextmanager
def by_hand(module: str) -> Iterator[Threads]:
    """What is made inside the block gets these threads, where the module would start real ones."""
    threads = Threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{module}.ThreadPoolExecutor", lambda *_, **__: threads)
        yield threads
