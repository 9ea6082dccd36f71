"""The broker's jars are fetched once, whole, and into a folder that is there for every user."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.kafka.errors import Unavailable
from sandbox.kafka.jars import KAFKA, LOG4J, Jar, folder_of_jars, locked

CONTENT = b"classes"
JARS = [Jar("org.example", name, "1.0", hashlib.sha256(CONTENT).hexdigest()) for name in ("one", "two")]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a cache, not there yet"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def silent(text: str) -> None:
    """Nobody reads it."""


def whole(jars: Sequence[Jar], folder: Path) -> None:
    for jar in jars:
        (folder / jar.name).write_bytes(CONTENT)


def never(jars: Sequence[Jar], folder: Path) -> None:
    raise AssertionError("fetched a second time")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_lock_names_the_broker_its_clients_and_its_logging_in_their_versions() -> None:
    versions = {f"{jar.group}:{jar.artifact}": jar.version for jar in locked()}
    for name in ("kafka_2.13", "kafka-clients", "kafka-server"):
        assert versions[f"org.apache.kafka:{name}"] == KAFKA
    assert versions["org.apache.logging.log4j:log4j-slf4j-impl"] == LOG4J
    assert all(len(jar.sha256) == 64 for jar in locked())


def test_jars_that_are_there_are_not_fetched_again(cache: Path) -> None:
    folder = folder_of_jars(JARS, whole, silent)
    assert folder.is_relative_to(cache)
    assert names(folder) == ["one-1.0.jar", "two-1.0.jar"]
    assert folder_of_jars(JARS, never, silent) == folder


def test_several_that_ask_at_once_fetch_once() -> None:
    fetched: list[Path] = []

    def count(jars: Sequence[Jar], folder: Path) -> None:
        fetched.append(folder)
        whole(jars, folder)

    with ThreadPoolExecutor(5) as pool:
        found = set(pool.map(lambda _: folder_of_jars(JARS, count, silent), range(5)))
    assert len(found) == len(fetched) == 1


def test_what_was_fetched_in_part_or_wrong_is_fetched_again() -> None:
    def broken(jars: Sequence[Jar], folder: Path) -> None:
        whole(jars, folder)
        (folder / jars[1].name).write_bytes(CONTENT[:-1])

    def part(jars: Sequence[Jar], folder: Path) -> None:
        whole(jars[:1], folder)

    def interrupted(jars: Sequence[Jar], folder: Path) -> None:
        whole(jars[:1], folder)
        raise KeyboardInterrupt

    for fetch, why in ((broken, "SHA-256"), (part, "two-1.0.jar was not fetched")):
        with pytest.raises(Unavailable, match=why):
            folder_of_jars(JARS, fetch, silent)
    with pytest.raises(KeyboardInterrupt):
        folder_of_jars(JARS, interrupted, silent)
    folder = folder_of_jars(JARS, whole, silent)
    (folder / "one-1.0.jar").unlink()
    assert names(folder_of_jars(JARS, whole, silent)) == ["one-1.0.jar", "two-1.0.jar"]


def test_without_a_folder_to_write_to_the_jars_lie_in_a_temporary_one_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()  # where a folder can't be made, not even by root
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = folder_of_jars(JARS, whole, silent)
    own = tmp_path / f"baselinker-salesmanago-{os.geteuid()}"
    assert folder.is_relative_to(own)
    assert own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)
    with pytest.raises(Unavailable, match="somebody else"):
        folder_of_jars(JARS, never, silent)
