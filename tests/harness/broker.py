"""One Kafka for a whole test run, started when the first test asks for it.

With pytest-xdist the workers ask the process that distributes the tests, so the broker lives as long as the run does.
"""

import secrets
import threading
from contextlib import ExitStack, suppress
from multiprocessing.connection import Client, Connection, Listener

from sandbox.kafka import NoKafka, start_kafka

Address = tuple[str, bytes]  # of a `SharedBroker`: socket and key


class SharedBroker:
    """The broker of this run, in the process that owns it. `bootstrap` starts it once; `close` stops it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._found: str | NoKafka | None = None
        self._listener: Listener | None = None
        self._key = secrets.token_bytes()

    def bootstrap(self) -> str:
        """Return the broker's address; NoKafka where none can be started."""
        with self._lock:
            if self._found is None:
                try:
                    self._found = self._stack.enter_context(start_kafka()).bootstrap
                except NoKafka as error:
                    self._found = error
        if isinstance(self._found, NoKafka):
            raise self._found
        return self._found

    def serve(self) -> Address:
        """Let other processes ask for it; return where."""
        if self._listener is None:
            self._listener = Listener(family="AF_UNIX", authkey=self._key)
            threading.Thread(target=self._answer, args=(self._listener,), daemon=True).start()
        return str(self._listener.address), self._key

    def close(self) -> None:
        """Stop it, if it was started."""
        if self._listener is not None:
            self._listener.close()
        self._stack.close()

    def _answer(self, listener: Listener) -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._answer_one, args=(listener.accept(),), daemon=True).start()

    def _answer_one(self, asking: Connection) -> None:
        with asking:
            try:
                asking.send((self.bootstrap(), ""))
            except NoKafka as error:
                asking.send(("", str(error)))


def ask(address: Address) -> str:
    """Return the broker's address as another process's `SharedBroker` knows it; NoKafka where there is none."""
    path, key = address
    with Client(path, family="AF_UNIX", authkey=key) as owner:
        bootstrap, why = owner.recv()
    if why:
        raise NoKafka(why)
    return str(bootstrap)
