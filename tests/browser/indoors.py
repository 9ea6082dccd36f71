"""A console in the test's own process, without Kafka: what is saved is given, what it shows of the queue is empty."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.testclient import TestClient

from console.app import make_app
from console.program import Program, Seen
from operations.kafka_reads import KafkaReads
from operations.live_settings import Current
from operations.topic_reads import KafkaAway
from runtime.settings import load_settings

PASSWORD = "a long password 1"
GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "TOPIC_PREFIX": "nowhere",
    "CONSOLE_PASSWORD": PASSWORD,
    "CONSOLE_NAMES": "shop.example",
}


class Indoors(Program):
    """`held` = what was saved."""

    held = Current()

    def current(self) -> Current:
        """Return what the test holds."""
        return self.held

    def reads(self) -> AbstractContextManager[KafkaReads]:
        """Say at once that there is no Kafka."""
        raise KafkaAway("Kafka does not answer")

    def look(self, fresh: bool = False) -> Seen:
        """Return an empty queue."""
        return Seen(None, self.held, ())


@contextmanager
def console() -> Iterator[tuple[Indoors, TestClient]]:
    """Its program, and a stranger's browser that follows no redirect."""
    program = Indoors(load_settings(GIVEN, None, need="kafka"))
    try:
        yield program, browser(program)
    finally:
        program.close()


def browser(program: Program) -> TestClient:
    """One more browser; it speaks English."""
    return TestClient(
        make_app(program),
        base_url="http://127.0.0.1",
        follow_redirects=False,
        headers={"Accept-Language": "en"},
        raise_server_exceptions=False,
    )


def token(client: TestClient, path: str = "/login") -> str:
    """The form's token on a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def log_in(client: TestClient, **more: str) -> str:
    """Log in; return where it leads."""
    answer = client.post("/login", data={"csrf": token(client), "password": PASSWORD, "name": "AK", **more})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])
