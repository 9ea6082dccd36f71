"""Calls that an account can't use: remembered, so that they are not asked for in vain each time."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from clients.errors import CallUnavailable

log = logging.getLogger(__name__)
REMEMBERED = timedelta(hours=1)


class Unavailable:
    """Each call is asked for again after an hour, and logged once. Thread-safe; `now` returns aware UTC."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._noted: dict[str, tuple[datetime, type[CallUnavailable], str]] = {}
        self._lock = Lock()

    def check(self, path: str) -> None:
        """CallUnavailable where the last hour's answer was that."""
        with self._lock:
            found = self._noted.get(path)
        if found is None:
            return
        at, kind, text = found
        if at <= self._now() < at + REMEMBERED:
            raise kind(text, api="SALESmanago")

    def note(self, path: str, error: CallUnavailable) -> None:
        """The account can't use this call."""
        with self._lock:
            first = path not in self._noted
            self._noted[path] = self._now(), type(error), str(error)
        if first:
            log.warning("%s: %s; contacts of other users of the account are not shown", path, error)
