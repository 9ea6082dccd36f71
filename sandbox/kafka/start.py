"""Kafka by the first way there is: a given broker, a container, the machine's Java and Maven, Java and Kafka by pip."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.kafka import broker, container
from sandbox.kafka.errors import NoKafka, Unavailable
from sandbox.kafka.software import SOURCES, Source

GIVEN = "KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True, slots=True)
class RunningKafka:
    """Where it is, and by which way."""

    bootstrap: str
    way: str


def say(text: str) -> None:
    """Tell the person on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def start_kafka(folder: Path | None = None, port: int = 0, tell: Callable[[str], None] = say) -> Iterator[RunningKafka]:
    """Yield a broker and stop it in the end; `folder` keeps its data, port 0 = any free one."""
    given = os.environ.get(GIVEN, "").strip()
    if given:
        yield RunningKafka(given, GIVEN)
        return
    ways: list[tuple[str, Callable[[], AbstractContextManager[str]]]] = [("a container", partial(_contain, port))]
    ways += [(source.name, partial(_run, source, folder, port, tell)) for source in SOURCES]
    lacking = []
    for name, run in ways:
        with ExitStack() as stack:
            try:
                bootstrap = stack.enter_context(run())
            except Exception as error:  # whatever keeps this way from working, the next may
                lacking.append(f"{name}: {_sentence(error)}")
                continue
            tell(f"Kafka: {name} at {bootstrap}")
            yield RunningKafka(bootstrap, name)
            return
    raise NoKafka("no Kafka can be started here\n" + "\n".join(lacking))


@contextmanager
def _contain(port: int) -> Iterator[str]:
    if (why := container.lacks()) is not None:
        raise Unavailable(why)
    with container.run(port) as bootstrap:
        yield bootstrap


@contextmanager
def _run(source: Source, folder: Path | None, port: int, tell: Callable[[str], None]) -> Iterator[str]:
    with broker.run(source.find(tell), folder, port) as bootstrap:
        yield bootstrap


def _sentence(error: Exception) -> str:
    ours = isinstance(error, Unavailable | RuntimeError)
    return str(error) if ours else f"{type(error).__name__} {error}"[:400]
