"""Programs under measurement: each a process of its own, its CPU time and peak memory as the kernel counted them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used until its end: CPU seconds (user and system), peak memory in MB, exit code."""

    cpu: float
    peak_mb: float
    code: int


@dataclass(frozen=True, slots=True)
class Standin:
    """A running stand-in: its settings for the programs, and what came."""

    environment: dict[str, str]

    def state(self, whole: bool = False) -> dict[str, Any]:
        """Ask what came so far; `whole` = with every time."""
        root = self.environment["SALESMANAGO_API_URL"].removesuffix("/api")
        with urllib.request.urlopen(f"{root}/state{'/full' if whole else ''}", timeout=60) as answer:  # noqa: S310 - ours
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def purchases(self) -> int:
        """How many orders have their purchase."""
        return int(self.state()["purchases"])


@contextmanager
def standin(*options: object) -> Iterator[Standin]:
    """Run the lean stand-in with these options."""
    command = [sys.executable, "-m", "bench.standin", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Standin(json.loads(process.stdout.readline()))
        finally:
            process.terminate()


class Program:
    """One process of ours or of a rival; killed at the end of the block if it still runs."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen([*command], env=dict(environment), stderr=output, stdout=output)
        self.usage: Usage | None = None
        self._peak_mb = 0.0  # by looking: what the kernel tells at the end counts the fork's memory too

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def said(self, event: str) -> int:
        """How often the program has logged an event."""
        return self.log.read_text(errors="replace").count(f'"{event}"')

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> bool:
        """Whether it has not ended; a program that ended by itself is reaped here."""
        if self.usage is None:
            self._peak_mb = max(self._peak_mb, memory_mb(self.pid, "VmHWM"))
        return self.usage is None and not self._reap(os.WNOHANG)

    def end(self, seconds: float = 60.0) -> Usage:
        """Ask it to end, wait, return what it used; killed when it does not end."""
        if self.alive():
            self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float) -> Usage:
        """Wait for its end, return what it used; killed when it takes longer."""
        until = time.monotonic() + seconds
        while self.alive() and time.monotonic() < until:
            time.sleep(0.05)
        if self.usage is None:
            self._process.kill()
            self._reap(0)
        assert self.usage is not None
        return self.usage

    def _reap(self, how: int) -> bool:
        pid, status, used = os.wait4(self.pid, how)
        if pid == 0:
            return False
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        self.usage = Usage(used.ru_utime + used.ru_stime, self._peak_mb, code)
        return True


class Programs:
    """The programs of one measurement, each with a log in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Program] = []

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.started:
            if program.alive():
                program.end(10.0)

    def start(self, module: str, environment: Mapping[str, str], python: str = sys.executable) -> Program:
        """Start one."""
        log = self.folder / f"{module}-{uuid.uuid4().hex[:6]}.log"
        program = Program([python, "-m", module], environment, log)
        self.started.append(program)
        return program

    def must_run(self) -> None:
        """Fail with the log of a program that ended by itself."""
        for program in self.started:
            if not program.alive() and program.usage is not None and program.usage.code != 0:
                raise RuntimeError(f"{program.log.name} ended by itself:\n{program.log.read_text()[-2000:]}")

    def wait_until_ready(self, partitions: int) -> None:
        """Wait until each processor that was started has partitions, and all partitions' ledgers are read."""

        def ready() -> bool:
            self.must_run()
            said = [program.said("partition ready") for program in self.started]
            return sum(said) >= partitions and all(said)

        wait_for(ready, 300, "every processor has its partitions")


def settings(apis: Mapping[str, str], kafka: str, prefix: str, **more: str) -> dict[str, str]:
    """Everything the programs need, BaseLinker's budget lifted."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "SALESMANAGO_"))}
    return {
        **own,
        **apis,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOPIC_PREFIX": prefix,
        "BASELINKER_REQUESTS_PER_MINUTE": "1000000",
        "CONTACT_TAG": "Klient",
        "TAG_ORDER_SOURCE": "code",
        "LOG_FORMAT": "json",
        **more,
    }


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Memory a process holds now, or with VmHWM the most it ever held; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what)), 0.0)


def wait_for(true: Callable[[], object], seconds: float, what: str, pause: float = 0.2) -> None:
    """Ask again and again; RuntimeError when it takes longer."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)
