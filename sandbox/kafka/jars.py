"""The broker's jars: which they are, and the folder in the user's cache where they lie once they were fetched.

`jars.lock` names each with its SHA-256; `make lock` resolves it again.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.kafka.errors import Unavailable

KAFKA, LOG4J = "4.1.1", "2.24.3"
LOCK = Path(__file__).with_name("jars.lock")
NAME = "baselinker-salesmanago"


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of Maven Central's."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Where it lies in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


Fetch = Callable[[Sequence[Jar], Path], None]  # puts the jars into an empty folder, or raises Unavailable


def locked() -> list[Jar]:
    """Return the jars of the broker and of its logging."""
    lines = (line.split() for line in LOCK.read_text().splitlines())
    found = ((*coordinates.split(":"), sha256) for coordinates, sha256 in lines)
    return [Jar(group, artifact, version, sha256) for group, artifact, version, sha256 in found]


def folder_of_jars(jars: Sequence[Jar], fetch: Fetch, tell: Callable[[str], None]) -> Path:
    """Return the folder of the jars, fetched once; safe when several programs ask at once. Raises Unavailable."""
    root = _cache()
    folder = root / f"kafka-{KAFKA}" / "libs"
    with _lock(root / "lock"):
        if all((folder / jar.name).is_file() for jar in jars):
            return folder
        tell(f"Kafka: fetching Apache Kafka {KAFKA} from Maven Central (44 MB, once)")
        unfinished = folder.with_name("unfinished")
        for old in (unfinished, folder):
            shutil.rmtree(old, ignore_errors=True)
        unfinished.mkdir(parents=True)
        fetch(jars, unfinished)
        for jar in jars:
            _check(jar, unfinished / jar.name)
        unfinished.rename(folder)
    return folder


def is_intact(jar: Jar, content: bytes) -> bool:
    """Whether these bytes are the jar's."""
    return hashlib.sha256(content).hexdigest() == jar.sha256


def _check(jar: Jar, file: Path) -> None:
    if not file.is_file():
        raise Unavailable(f"{jar.name} was not fetched")
    if not is_intact(jar, file.read_bytes()):
        raise Unavailable(f"{jar.name} is not the file that jars.lock names: its SHA-256 differs")


def _cache() -> Path:
    """Return our folder in the user's cache, or one of the user's own in the system's temporary folder."""
    for root in (Path(os.environ.get("XDG_CACHE_HOME", "")), Path("~/.cache")):
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: nobody knows where the home is
            if (folder := root.expanduser()).is_absolute():
                return _writable(folder / NAME)
    root = Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    state = root.lstat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:  # what lies in it is run
        raise Unavailable(f"{root} belongs to somebody else, and there is no other folder to put Kafka in")
    return _writable(root)


def _writable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
