"""`bl2sm kafka`: a local broker until Ctrl-C."""

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from operations.extra import require_sandbox
from operations.output import Refused, command, line, note, print_json
from sandbox.kafka import NoKafka, start_kafka
from sandbox.kafka.start import GIVEN

MOST_SILENT, CONNECT_SECONDS = 6, 5.0


@command
def kafka(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9092,
    folder: Annotated[Path, typer.Option(help="Where its data stay; a container's are gone with it.")] = Path(".kafka"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Run a local Kafka: by a container engine, or by Java. Example: bl2sm kafka --port 9092."""
    require_sandbox()
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "").strip():
        note("KAFKA_BOOTSTRAP_SERVERS is set: nothing is started, this is the broker that is used")
    elif _taken(port):
        raise Refused(f"port {port} is taken: end what listens there, or give another with --port")
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
            silent = 0
            while not stop:
                signal.sigtimedwait([], 0.5)
                silent = 0 if running.way == GIVEN or _listens(running.bootstrap) else silent + 1
                if silent >= MOST_SILENT:
                    raise Refused(f"nothing listens at {running.bootstrap} any more: Kafka has ended")
    except NoKafka as error:
        raise Refused(str(error)) from None


def _listens(bootstrap: str) -> bool:
    """Whether one of the addresses takes a connection."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS):
            return True
    return False


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False
