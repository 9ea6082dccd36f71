"""Producer and processors as processes of their own, in an environment that holds nothing by accident."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.settings import Settings
from tests.harness.ports import quiet_port
from tests.harness.waiting import LONG

ROOT = Path(__file__).parents[2]
QUICK = {  # settings with which a replaced or killed member's orders are taken over soon
    "SETTLE_SECONDS": "1",
    "CREATE_TIMEOUT_SECONDS": "1",
    "SESSION_TIMEOUT_MS": "6000",
    "DELIVERY_THREADS": "4",
}
PROTOCOLS: dict[str, dict[str, str]] = {  # of the group, by the settings that choose them
    "cooperative": {},
    "range": {"KAFKA_PARTITION_ASSIGNMENT_STRATEGY": "range"},
    "consumer": {"KAFKA_GROUP_PROTOCOL": "consumer"},
}
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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


def page(port: int, path: str) -> tuple[int, str]:
    """Status and text of a program's own page, such as /readyz; 0 while it can't be asked."""
    try:
        with _direct.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@dataclass(slots=True)
class Programs:
    """The programs of one test; whatever still runs at its end is killed."""

    environment: dict[str, str]
    folder: Path
    started: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    _ports: dict[int, int] = field(default_factory=dict)

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

    def serve(self, module: str, *options: str, **more: str) -> subprocess.Popen[bytes]:
        """Start one whose `page` can be asked for."""
        port = quiet_port()
        process = self.start(module, *options, HTTP_PORT=str(port), **more)
        self._ports[process.pid] = port
        return process

    def page(self, process: subprocess.Popen[bytes], path: str = "/readyz") -> tuple[int, str]:
        """Status and text of a page of one that serves; 0 while it can't be asked."""
        return page(self._ports[process.pid], path)

    def ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it says that it is ready."""
        return self.page(process)[0] == 200

    def checks(self, process: subprocess.Popen[bytes]) -> dict[str, str]:
        """What /readyz says of each check: "ok", or what is wrong."""
        text = self.page(process)[1]
        found: dict[str, str] = json.loads(text)["checks"] if text else {}
        return found

    def catch_up(self, module: str, seconds: float = LONG, **more: str) -> subprocess.Popen[bytes]:
        """Run one until nothing is left for it to do; return it, for what it logged."""
        process = self.start(module, "--until-caught-up", **more)
        code = process.wait(seconds)
        assert code == 0, f"the {module} ended with {code}\n{self.log(process)[-3000:]}"
        return process

    def finish(self, seconds: float = LONG) -> None:
        """Let a producer and a processor end what is left; both must end by themselves."""
        for module in ("producer", "processor"):
            self.catch_up(module, seconds)

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What one has said."""
        name = next(known for known, one in self.started if one is process)
        return (self.folder / name).read_text(errors="replace")

    def tails(self, lines: int = 12) -> str:
        """The last lines of every log."""
        return "\n".join(
            f"--- {name}\n" + "\n".join(self.log(process).splitlines()[-lines:]) for name, process in self.started
        )

    def logged(self, event: str) -> int:
        """How often all of them together have said something."""
        text = f'"{event}"'
        return sum(path.read_text(errors="replace").count(text) for path in self.folder.glob("*.log"))
