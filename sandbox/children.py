"""The demo's programs as processes: started with the demo's settings alone, ended one and all."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Child = subprocess.Popen[bytes]
# what a program needs of the user's environment; settings for somebody's shop are not among it
INHERITED = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "PYTHON", "SSL_CERT_", "LD_LIBRARY_PATH", "NO_COLOR")


def start(arguments: Sequence[str], settings: Mapping[str, str], log: Path) -> Child:
    """Start a program of ours; it writes into its log, and finds no `.env`."""
    clean = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**clean, **settings},
            cwd=log.parent,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def end(children: Iterable[Child]) -> None:
    """End those that still run, by force where they don't."""
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    for child in running:
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
