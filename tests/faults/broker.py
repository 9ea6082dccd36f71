"""A broker of a test's own, to be stopped, killed, put to sleep and started again in the same place."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from sandbox.kafka import broker as processes
from sandbox.kafka.errors import Unavailable
from sandbox.kafka.software import find_software
from sandbox.kafka.start import say
from tests.harness.ports import quiet_port

END_SECONDS = 60.0
GROUPS_PARTITIONS = 5  # of __consumer_offsets


class Broker:
    """One broker's life over all its restarts: folder and ports stay the same. `place` says where it is."""

    def __init__(self, place: processes.Place) -> None:
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return self.place.bootstrap

    @property
    def runs(self) -> bool:
        """Whether there is a process, awake or asleep."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert not self.runs
        self._said_before = len(self.said()) if self.place.output.exists() else 0
        self._process = processes.spawn(self.place)
        processes.wait_up(self._process, self.place)

    def terminate(self) -> None:
        """Stop it in order."""
        self._signal(signal.SIGTERM)
        self.wait()

    def kill(self) -> None:
        """Kill it: what it wrote is in the page cache, nothing was flushed."""
        self._signal(signal.SIGKILL)
        self.wait()

    def sleep(self) -> None:
        """Let it stand still, with its connections open."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def wait(self, seconds: float = END_SECONDS) -> None:
        """Wait for its end."""
        assert self._process is not None
        self._process.wait(seconds)

    @property
    def data(self) -> Path:
        """Where its logs lie."""
        return self.place.home / "data"

    def said(self) -> str:
        """What it has said in its whole life."""
        return self.place.output.read_text(errors="replace")

    def unloaded(self) -> set[int]:
        """Partitions of the groups' topic that it could not load since it was started last."""
        named = re.findall(r"Failed to load metadata from __consumer_offsets-(\d+)", self.said()[self._said_before :])
        return {int(number) for number in named}

    def start_without(self, numbers: set[int]) -> None:
        """Stop it, remove these partitions of the groups' topic, start it: as docs/operations.md says."""
        self.terminate()
        for number in numbers:
            shutil.rmtree(self.groups_partition(number))
        self.start()

    def groups_partition(self, number: int) -> Path:
        """Where a partition of the groups' topic lies."""
        return self.data / f"__consumer_offsets-{number}"

    def run_tool(self, name: str, *options: str) -> None:
        """Run one of Kafka's own tools against it."""
        command = self.place.java(name, "--bootstrap-server", self.bootstrap, *options)
        done = subprocess.run(
            command,
            cwd=self.place.home,
            env=processes.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-800:]

    def end(self) -> None:
        """End whatever still runs: the guard does so when its stdin ends."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(END_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{number.name}\n".encode())
        self._process.stdin.flush()


def groups_partition(group: str, count: int = GROUPS_PARTITIONS) -> int:
    """The partition of __consumer_offsets that keeps a group: by the absolute value of Java's hash of its name."""
    found = 0
    for letter in group.encode():
        found = (31 * found + letter) & 0xFFFFFFFF
    return min(found, 2**32 - found) % count


@contextmanager
def own_broker(disk: str | None = None, properties: str = "") -> Iterator[Broker]:
    """Run a broker for one test; `disk` = the size of a disk of its own for its data (mount's notation).

    `properties` are lines added to its settings.

    Skips with the reason where it can't be had; in CI it fails instead.
    """
    try:
        software = find_software(say)
    except Unavailable as error:
        _impossible(f"a broker of its own needs one of these\n{error}")
    home = Path(tempfile.mkdtemp(prefix="bl2sm-broker-"))
    try:
        with _mounted(home / "data", disk) if disk is not None else contextlib.nullcontext():
            place = processes.prepare(software, home, quiet_port(), quiet_port())
            with (home / "server.properties").open("a") as file:
                file.write(properties)
            broker = Broker(place)
            try:
                broker.start()
                yield broker
            finally:
                broker.end()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "bl2sm-broker", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a small disk can't be mounted: {error}")
    if done.returncode:
        pytest.skip(f"a small disk can't be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _impossible(why: str) -> NoReturn:
    if os.environ.get("CI") or os.environ.get("REQUIRE_KAFKA"):
        pytest.fail(why)
    pytest.skip(why)
