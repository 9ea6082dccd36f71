"""Work that takes longer than a page: done by a thread, seen and stopped from the pages, gone with the process."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from console.said import Known
from operations.output import json_ready
from runtime.logging import get_logger

KEPT = 50


class Stopped(Exception):
    """Somebody pressed stop."""


@dataclass(slots=True)
class Work:
    """One piece of work. `done` counts up to `total` (None = not known); `result` is there once it is done.

    `waiting` = entries before which it may not go on, `idle` = and no processor runs; 0 = it is not waiting.
    `used_at` = when what it showed was begun (unix seconds): a preview is begun once.
    `act` = what is logged of it, and by whom; empty = it changes nothing, as a preview does.
    """

    kind: str
    session: str = field(repr=False)  # whose it is: names are not one's own
    given: Any
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: Literal["running", "done", "stopped", "failed"] = "running"
    done: int = 0
    total: int | None = None
    result: Any = None
    error: Exception | None = None
    stopping: bool = False
    used_at: float | None = None
    waiting: int = 0
    idle: bool = False
    act: Mapping[str, str] = field(default_factory=dict)

    def step(self, done: int) -> None:
        """Say how far it is; Stopped where it shall end."""
        self.done = done
        self.breathe()

    def wait(self, lag: int, idle: bool) -> None:
        """Say that it waits for the processors; 0 = no more."""
        self.waiting, self.idle = lag, idle

    def breathe(self) -> None:
        """Raise Stopped where it shall end."""
        if self.stopping:
            raise Stopped


class Works:
    """Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, Work] = {}
        self._lock = threading.Lock()

    def start(
        self,
        kind: str,
        session: str,
        given: Any,
        job: Callable[[Work], Any],
        alone: bool = False,
        act: Mapping[str, str] | None = None,
    ) -> Work:
        """Begin; `alone` = refused while one of this kind is running, else those of the same session are stopped.

        `act` as `Work` has it: its start and its end are logged.
        """
        work = Work(kind, session, given, act=act or {})
        with self._lock:
            running = [one for one in self._known.values() if one.kind == kind and one.state == "running"]
            if running and alone:
                raise Known("busy")
            for one in running:
                one.stopping = one.stopping or one.session == session
            for old in [one for one in self._known.values() if one.state != "running"][:-KEPT]:
                del self._known[old.id]
            self._known[work.id] = work
        if work.act:
            get_logger(__name__).info("started from the console", **work.act)
        threading.Thread(target=self._run, args=(work, job), name=f"work-{kind}", daemon=True).start()
        return work

    @contextmanager
    def using(self, work: Work) -> Iterator[Any]:
        """Give out a preview's result to be begun, once; where that fails it may be tried again. Known."""
        with self._lock:
            if work.result is None:
                raise Known("not_done")
            if work.used_at is not None:
                raise Known("used")
            work.used_at = time.time()
        try:
            yield work.result
        except BaseException:
            work.used_at = None
            raise

    def find(self, work_id: str) -> Work | None:
        """Return it, None where it is gone."""
        return self._known.get(work_id)

    def running(self, kind: str) -> Work | None:
        """Return the one that is running."""
        with self._lock:
            found = (one for one in self._known.values() if one.kind == kind and one.state == "running")
            return next(found, None)

    def end(self, seconds: float) -> None:
        """Stop all and wait a little."""
        until = time.monotonic() + seconds
        with self._lock:
            known = list(self._known.values())
        for work in known:
            work.stopping = True
        while time.monotonic() < until and any(one.state == "running" for one in known):
            time.sleep(0.05)

    def _run(self, work: Work, job: Callable[[Work], Any]) -> None:
        log, act = get_logger(__name__), work.act
        try:
            work.result = job(work)
            if act:
                log.info("done from the console", **act, result=json_ready(work.result))
            work.state = "done"
        except Stopped:
            if act:
                log.info("stopped from the console", **act, done=work.done)
            work.state = "stopped"
        except Exception as error:
            if act:
                log.error("failed from the console", **act, done=work.done, error=type(error).__name__)
            else:
                log.error("work failed", kind=work.kind, error=type(error).__name__)
            work.error, work.state = error, "failed"
