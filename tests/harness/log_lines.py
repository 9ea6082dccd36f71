"""What a module logs while a test looks, whatever another test has configured before."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import structlog
from structlog.testing import LogCapture


@contextmanager
def log_lines(module: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """Yield the lines of the module's `log`, each with `event`, `log_level` and its fields."""
    capture, before = LogCapture(), vars(module)["log"]
    vars(module)["log"] = structlog.wrap_logger(structlog.PrintLogger(), processors=[capture])
    try:
        yield capture.entries
    finally:
        vars(module)["log"] = before
