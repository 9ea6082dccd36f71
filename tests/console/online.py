"""A console in the test's own process, in front of Kafka."""

import logging
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from unittest.mock import patch

from console import acts
from console.program import Program
from runtime.logging import configure_logging
from runtime.settings import load_settings
from sandbox.server import environment
from tests.console.clients import PASSWORD
from tests.harness.programs import settings

SECRET, TOKEN = "sales-secret-in-here", "token-in-here-1000"
SECRETS = (PASSWORD, SECRET, TOKEN)
OURS = ("console", "operations", "clients", "runtime", "schemas")


class Lines(logging.Handler):
    """Keeps what is logged. A handler of the root logger would be lost: readers of Kafka set up logging again."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and its traceback."""
        self.found.append(f"{record.msg} {record.args} {record.exc_info}")


def without_apis(kafka: str) -> dict[str, str]:
    """Settings of a deployment of its own, with APIs that do not answer."""
    apis = environment("http://127.0.0.1:1/connector.php", "http://127.0.0.1:1/api")
    own = {"BASELINKER_TOKEN": TOKEN, "SALESMANAGO_API_SECRET": SECRET, "CONSOLE_PASSWORD": PASSWORD}
    return {**settings(apis, kafka, f"t{uuid.uuid4().hex[:12]}"), **own}


@contextmanager
def online_console(given: Mapping[str, str], folder: Path, secrets: Iterable[str] = SECRETS) -> Iterator[Program]:
    """Its program, with exactly this environment and in this folder; its log may hold no secret and no traceback."""
    with patch.dict(os.environ, given, clear=True), chdir(folder), _logged() as lines:
        loaded = load_settings(need="kafka")
        configure_logging("WARNING", loaded.log_format, loaded.secrets)
        acts.hear()
        program = Program(loaded)
        try:
            yield program
        finally:
            program.close()
    written = "\n".join(lines)
    assert not any(secret in written for secret in secrets), written
    assert "traceback" not in written.lower(), written


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Keep what is logged; give the test's own logging back afterwards."""
    root, lines = logging.getLogger(), Lines()
    handlers, level = list(root.handlers), root.level
    for name in OURS:
        logging.getLogger(name).addHandler(lines)
    try:
        yield lines.found
    finally:
        for name in OURS:
            logging.getLogger(name).removeHandler(lines)
        root.handlers, root.level = handlers, level
