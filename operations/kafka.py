"""`bl2sm kafka`: a local broker until Ctrl-C."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from sandbox.kafka import NoKafka, start_kafka


def kafka(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9092,
    folder: Annotated[Path, typer.Option(help="Where its data stay.")] = Path(".kafka"),
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
            typer.echo(running.bootstrap)
            while not stop:
                signal.sigtimedwait([], 0.5)
    except NoKafka as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
