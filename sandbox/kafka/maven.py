"""Apache Kafka in KRaft mode from Maven Central's jars, run by Java 17 or newer."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KAFKA, LOG4J = "4.1.1", "2.24.3"
UP_SECONDS = 180.0
POM = """<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>kafka</artifactId>
<version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
<version>{log4j}</version></dependency></dependencies></project>
"""
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
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def lacks() -> str | None:
    """What this way lacks here, or None; on Debian as root, Java and Maven can be installed."""
    if _java() and shutil.which("mvn"):
        return None
    if shutil.which("apt-get") and os.geteuid() == 0:
        return None
    return "needs Java 17 or newer and Maven (on Debian: apt-get install openjdk-17-jre-headless maven)"


def _java() -> bool:
    java = shutil.which("java")
    if java is None:
        return False
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    return version is not None and int(version[1]) >= 17


def _install(tell: Callable[[str], None]) -> None:
    if _java() and shutil.which("mvn"):
        return
    tell("Kafka: installing Java and Maven by apt")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wanted = ["openjdk-17-jre-headless", "maven"]
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *wanted],
    ):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}")


def jars(tell: Callable[[str], None]) -> Path:
    """Return the folder of the broker's jars, fetched once; safe when several programs ask at once."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baselinker-salesmanago"
    folder = root / f"kafka-{KAFKA}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        tell(f"Kafka: fetching Apache Kafka {KAFKA} from Maven Central (43 MB, once)")
        folder.mkdir(exist_ok=True)
        (folder / "pom.xml").write_text(POM.format(kafka=KAFKA, log4j=LOG4J))
        command = ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'libs'}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Maven could not fetch Kafka: {(done.stdout + done.stderr).strip()[-400:]}")
        (folder / "complete").touch()
    return folder


@contextmanager
def run(folder: Path | None, port: int, tell: Callable[[str], None]) -> Iterator[str]:
    """Run a broker; it ends with this process even when that is killed."""
    home = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="bl2sm-kafka-"))
    try:
        place = prepare(home, port or free_port(), free_port(), tell)
        broker = spawn(place)
        try:
            wait_up(broker, place)
            yield place.bootstrap
        finally:
            stop(broker)
    finally:
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A formatted folder with all that a broker needs to run there, again and again, on the same ports."""

    home: Path
    port: int
    libs: Path

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """What the broker says."""
        return self.home / "kafka.log"

    def java(self, *command: str) -> list[str]:
        """Return the command line that runs a class of Kafka's."""
        logging = f"-Dlog4j2.configurationFile={self.home / 'log4j2.yaml'}"
        return ["java", "-Xmx512m", logging, "-cp", f"{self.libs}/*", *command]


def prepare(home: Path, port: int, controller: int, tell: Callable[[str], None]) -> Place:
    """Install what is needed, write the settings, and format the folder unless it is; its data may be kept."""
    _install(tell)
    place = Place(home, port, jars(tell) / "libs")
    home.mkdir(parents=True, exist_ok=True)
    properties = home / "server.properties"
    properties.write_text(PROPERTIES.format(port=port, controller=controller, data=home / "data"))
    (home / "log4j2.yaml").write_text(LOGGING)
    if not (home / "data" / "meta.properties").exists():
        format_it = place.java("kafka.tools.StorageTool", "format", "-t", uuid.uuid4().hex[:22], "-c", str(properties))
        done = subprocess.run(format_it, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr).strip()[-400:]}")
    return place


def spawn(place: Place) -> subprocess.Popen[bytes]:
    """Start the broker under its guard, whose stdin also takes names of signals to send it."""
    guard = [sys.executable, "-m", "sandbox.kafka.guard"]
    command = [*guard, *place.java("kafka.Kafka", str(place.home / "server.properties"))]
    with place.output.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True)


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
