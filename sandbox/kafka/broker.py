"""A broker in KRaft mode as a process of ours: its folder, its start, its end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.kafka import guard

UP_SECONDS = 180.0
LOGGING = """Configuration:
  Appenders:
    Console: {name: out, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: out}}
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


@dataclass(frozen=True, slots=True)
class Software:
    """What runs a broker: a `java` of version 17 or newer, and the folder of Apache Kafka's jars."""

    java: Path
    libs: Path


@dataclass(frozen=True, slots=True)
class Place:
    """A formatted folder with all that a broker needs to run there, again and again, on the same ports.

    Its commands run in `home` and name its files relative to that: a path of any kind reaches Java as the working
    folder alone, and not by way of its properties and lists.
    """

    home: Path
    port: int
    software: Software

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """What the broker logs."""
        return self.home / "kafka.log"

    def java(self, *command: str) -> list[str]:
        """Return the command line that runs a class of Kafka's; its folder is `home`, its environment `environment`."""
        options = ["-Xmx512m", "-Dlog4j2.configurationFile=log4j2.yaml", "-cp", f"{self.software.libs}/*"]
        return [str(self.software.java), *options, *command]


def environment() -> dict[str, str]:
    """Return the environment of every Java here: without options meant for others, and with file names in UTF-8."""
    others = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}
    return {name: value for name, value in os.environ.items() if name not in others} | {"LC_ALL": "C.UTF-8"}


@contextmanager
def run(software: Software, folder: Path | None, port: int) -> Iterator[str]:
    """Run a broker; it ends with this process even when that is killed. `folder` keeps its data, port 0 = any free one.

    Raises RuntimeError when it does not come up.
    """
    home = folder if folder is not None else Path(tempfile.mkdtemp(prefix="bl2sm-kafka-"))
    try:
        place = prepare(software, home, port or free_port(), free_port())
        broker = spawn(place)
        try:
            wait_up(broker, place)
            yield place.bootstrap
        finally:
            stop(broker)
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


def prepare(software: Software, home: Path, port: int, controller: int) -> Place:
    """Write the settings, and format the folder unless it is; its data may be kept. Raises RuntimeError."""
    place = Place(home, port, software)
    home.mkdir(parents=True, exist_ok=True)
    (home / "server.properties").write_text(PROPERTIES.format(port=port, controller=controller))
    (home / "log4j2.yaml").write_text(LOGGING)
    if not (home / "data" / "meta.properties").exists():
        arguments = ["format", "-t", uuid.uuid4().hex[:22], "-c", "server.properties"]
        format_it = place.java("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(
            format_it, cwd=home, env=environment(), capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr).strip()[-400:]}")
    return place


def spawn(place: Place) -> subprocess.Popen[bytes]:
    """Start the broker under its guard, whose stdin also takes names of signals to send it."""
    command = [sys.executable, "-I", guard.__file__, *place.java("kafka.Kafka", "server.properties")]
    with place.output.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=place.home,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(broker: subprocess.Popen[bytes]) -> None:
    """End the broker in order, or by force when that takes too long."""
    broker.send_signal(signal.SIGTERM)
    try:
        broker.wait(20)
    except subprocess.TimeoutExpired:
        broker.kill()


def wait_up(broker: subprocess.Popen[bytes], place: Place) -> None:
    """Return when the broker listens; RuntimeError when it ended or takes too long."""
    until = time.monotonic() + UP_SECONDS
    while time.monotonic() < until:
        if broker.poll() is not None:
            raise RuntimeError(f"the broker ended at once: {place.output.read_text(errors='replace')[-400:]}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", place.port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the broker did not come up within {UP_SECONDS:.0f} s")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
