"""Producer and processors as processes of their own, in an environment that holds nothing by accident."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.settings import Settings

ROOT = Path(__file__).parents[2]


def inherited() -> dict[str, str]:
    """This process's environment without any setting of ours, whose programs are those of this checkout."""
    ours = {name.upper() for name in Settings.model_fields} | {"DEMO_SETTINGS_FILE"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE") not in ours and not name.startswith(("KAFKA_", "SCHEMA_REGISTRY_"))
    }
    return kept | {"PYTHONPATH": str(ROOT)}


def settings(apis: Mapping[str, str], kafka: str, prefix: str) -> dict[str, str]:
    """Everything the programs need."""
    return {
        **inherited(),
        **apis,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOPIC_PREFIX": prefix,
        "BASELINKER_REQUESTS_PER_MINUTE": "20000",
        "POLL_INTERVAL_SECONDS": "1",
        "CONTACT_TAG": "Klient",
        "TAG_ORDER_SOURCE": "both",
        "LOG_FORMAT": "json",
    }


def run(module: str, environment: Mapping[str, str], log: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a program in the folder of its log, where there is no `.env`."""
    command = [sys.executable, "-m", module, *options]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=dict(environment), cwd=log.parent, stderr=output)


@dataclass(slots=True)
class Programs:
    """The programs of one test; whatever still runs at its end is killed."""

    environment: dict[str, str]
    folder: Path
    started: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *ending: object) -> None:
        for _, process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for _, process in self.started:
            process.wait(30)

    def start(self, module: str, *options: str, **more: str) -> subprocess.Popen[bytes]:
        """Start one; `more` are settings of its own."""
        log = self.folder / f"{module}-{len(self.started) + 1}.log"
        process = run(module, {**self.environment, **more}, log, *options)
        self.started.append((log.name, process))
        return process

    def finish(self, seconds: float = 120.0) -> None:
        """Let a producer and a processor end what is left; both must end by themselves."""
        for module in ("producer", "processor"):
            process = self.start(module, "--until-caught-up")
            assert process.wait(seconds) == 0, self.log(process)[-3000:]

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What one has said."""
        name = next(known for known, one in self.started if one is process)
        return (self.folder / name).read_text(errors="replace")

    def logged(self, event: str) -> int:
        """How often all of them together have said something."""
        text = f'"{event}"'
        return sum(path.read_text(errors="replace").count(text) for path in self.folder.glob("*.log"))
