"""A command as a process of its own, with what it printed."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

TIMEOUT = 150


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


def bl2sm(environment: dict[str, str], *arguments: str, **more: str) -> Ran:
    """Run one to its end."""
    ended = subprocess.run(
        [sys.executable, "-m", "operations.cli", *arguments],
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ran(ended.returncode, ended.stdout, ended.stderr)
