"""Kafka by the first way there is: a given broker, a container, Java + Maven."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.kafka import container, maven

GIVEN = "KAFKA_BOOTSTRAP_SERVERS"


class NoKafka(Exception):
    """There is no way to a Kafka here; the text says what each way lacks."""


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
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "").strip()
    if given:
        yield RunningKafka(given, GIVEN)
        return
    lacking = []
    ways: list[tuple[str, Callable[[], str | None], Callable[[], AbstractContextManager[str]]]] = [
        ("a container", container.lacks, lambda: container.run(port)),
        ("Java and Maven", maven.lacks, lambda: maven.run(folder, port, tell)),
    ]
    for name, lacks, run in ways:
        why = lacks()
        with ExitStack() as stack:
            if why is None:
                try:
                    bootstrap = stack.enter_context(run())
                except Exception as error:  # whatever keeps this way from working, the next may
                    why = f"{type(error).__name__} {error}"[:400]
                else:
                    tell(f"Kafka: {name} at {bootstrap}")
                    yield RunningKafka(bootstrap, name)
                    return
        lacking.append(f"{name}: {why}")
    raise NoKafka("no Kafka can be started here\n" + "\n".join(lacking))
