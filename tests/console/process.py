"""A console as a process of its own, as `bl2sm console` starts it."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.harness.programs import ROOT
from tests.harness.waiting import wait_until

ADDRESS = re.compile(r"http://\S+/")


@contextmanager
def console_process(environment: Mapping[str, str], folder: Path, **more: str) -> Iterator[str]:
    """Yield its address; its log is `console.log` in the folder, where its `.env` is, too."""
    folder.mkdir(exist_ok=True)
    log = folder / "console.log"
    command = [sys.executable, "-m", "operations.cli", "console", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**environment, **more, "PYTHONPATH": str(ROOT)}, cwd=folder, stderr=output, stdout=output
        )

    def written() -> str:
        return log.read_text(errors="replace")

    def address() -> re.Match[str] | None:
        found = ADDRESS.search(written())
        assert found is not None or process.poll() is None, written()
        return found

    try:
        wait_until(address, 60, "the console listens")
        yield ADDRESS.findall(written())[0].rstrip("/")
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == 0, written()
