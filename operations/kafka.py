"""`bl2sm kafka`: a local broker until Ctrl-C."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from operations.output import Refused, command, line, print_json
from sandbox.kafka import NoKafka, start_kafka


@command
def kafka(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9092,
    folder: Annotated[Path, typer.Option(help="Where its data stay.")] = Path(".kafka"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Run a local Kafka: by a container engine, or by Java and Maven. Example: bl2sm kafka --port 9092."""
    stop = False

    def end(*_: object) -> None:
        nonlocal stop
        stop = True

    try:
        with start_kafka(folder, port) as running:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, end)
            if as_json:
                print_json({"KAFKA_BOOTSTRAP_SERVERS": running.bootstrap})
            else:
                line(running.bootstrap)
            sys.stdout.flush()
            while not stop:
                signal.sigtimedwait([], 0.5)
    except NoKafka as error:
        raise Refused(str(error)) from None
