"""`python -m tests.faults.crashing processor|producer [options]`: the program, and an end at an exact instant.

Everything the programs do to the outside goes through the connections that `clients/transport.py` opens and through
the classes of `confluent_kafka`. Both are wrapped here before the program is imported, so a new step is a new point
by itself; the program knows nothing of it. What happens at a point is told by the environment:

CRASH_RECORD=file   write every point that is passed, one a line, as `name#occurrence`
CRASH_AT=point      kill -9 this process there
STOP_AT=point       stop this process there (SIGSTOP); it goes on when somebody sends SIGCONT

Points of a request: `before` anything is sent, `unchecked` when the body is about to be written, `unwritten` after the
program's own last check, `written` (from here on it may take effect), `answered` (the effect took place, the answer is
not read), `returned`. Points of a Kafka call: `before` and `after`; of reading: `taken`, once messages came.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, urlsplit

import confluent_kafka
import confluent_kafka.admin
import httpcore

TRACED = {
    "http11.send_request_body.complete": "written",
    "http11.receive_response_headers.complete": "answered",
}
BODY_WRITE = "http11.send_request_body.started"
HARMLESS = {
    # of producers
    "cluster_id", "flush", "poll", "purge", "set_sasl_credentials",
    # of consumers
    "assign", "assignment", "committed", "consume", "consumer_group_metadata", "get_watermark_offsets",
    "incremental_assign", "incremental_unassign", "memberid", "offsets_for_times", "pause", "position", "resume",
    "seek", "unassign",
}  # fmt: skip


class Seams:
    """Counts the points and ends, or stops, the process at the one that was named."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._record = environment.get("CRASH_RECORD")
        self._crash_at, self._stop_at = environment.get("CRASH_AT"), environment.get("STOP_AT")
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def point(self, name: str) -> None:
        """Pass a point."""
        with self._lock:
            self._counts[name] += 1
            point = f"{name}#{self._counts[name]}"
            if self._record:
                with open(self._record, "a", encoding="utf-8") as record:  # noqa: PTH123 - one call, often
                    record.write(point + "\n")
        if point == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        elif point == self._stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.05)  # the other threads stop at once, this one here

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with a point before and one after it."""

        @wraps(call)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.point(f"{name} before")
            found = call(*arguments, **named)
            self.point(f"{name} after")
            return found

        return wrapped


def request_name(request: httpcore.Request) -> str:
    """Return the API's method: the form field `method` (BaseLinker), else the URL's path below /api or /api/v2."""
    headers = {name.lower(): value for name, value in request.headers}
    if headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        assert isinstance(request.stream, Iterable)
        return parse_qs(b"".join(request.stream).decode()).get("method", ["?"])[0]
    return urlsplit(request.url.target.decode()).path.removeprefix("/api/").removeprefix("v2/")


def seam_http(seams: Seams) -> None:
    """Wrap the one method that every request passes on its way to the network."""
    send = httpcore.ConnectionPool.handle_request

    def wrapped(pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        name = request_name(request)
        trace = request.extensions.get("trace")

        def traced(event: str, told: Mapping[str, Any]) -> None:
            if event == BODY_WRITE:
                seams.point(f"{name} unchecked")
            if trace is not None:
                trace(event, told)
            if event == BODY_WRITE:
                seams.point(f"{name} unwritten")
            elif event in TRACED:
                seams.point(f"{name} {TRACED[event]}")

        request.extensions = {**request.extensions, "trace": traced}
        seams.point(f"{name} before")
        response = send(pool, request)
        close, closed = response.close, threading.Event()

        def close_once() -> None:
            close()
            if not closed.is_set():
                closed.set()
                seams.point(f"{name} returned")

        response.close = close_once  # type: ignore[method-assign]
        return response

    httpcore.ConnectionPool.handle_request = wrapped  # type: ignore[method-assign,assignment]


def seam_kafka(seams: Seams) -> None:
    """Put classes with points in the place of Kafka's: what is imported from now on gets these."""
    producer, consumer, admin = confluent_kafka.Producer, confluent_kafka.Consumer, confluent_kafka.admin.AdminClient

    class Producer(producer):  # type: ignore[misc,valid-type]
        def produce(self, topic: str, *arguments: Any, **named: Any) -> Any:
            name = f"produce {topic.rpartition('.')[2]}"
            return seams.around(name, super().produce)(topic, *arguments, **named)

    class Consumer(consumer):  # type: ignore[misc,valid-type]
        def consume(self, *arguments: Any, **named: Any) -> Any:
            messages = super().consume(*arguments, **named)
            for topic in sorted({message.topic() or "" for message in messages if message.error() is None}):
                seams.point(f"{topic.rpartition('.')[2]} taken")
            return messages

    for target, base in ((Producer, producer), (Consumer, consumer), (admin, admin)):
        for name in writes(base):
            if name not in vars(target) or target is base:
                setattr(target, name, seams.around(name, getattr(base, name)))
    confluent_kafka.Producer = Producer  # type: ignore[misc]
    confluent_kafka.Consumer = Consumer  # type: ignore[misc]


def writes(kafka_class: type) -> list[str]:
    """Return the methods that may change something in Kafka: all but those known to read or to stay in the process."""
    names = [name for name in dir(kafka_class) if not name.startswith("_") and callable(getattr(kafka_class, name))]
    return [name for name in names if name not in HARMLESS and not name.startswith(("list_", "describe_"))]


def main() -> int:
    """Run the program that the first argument names."""
    program, *options = sys.argv[1:]
    seams = Seams(os.environ)
    seam_http(seams)
    seam_kafka(seams)
    code: int = importlib.import_module(f"{program}.main").main(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
