"""Who is in a group: asked for by a process of its own, since asking may end the process that asks (group_child.py)."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from runtime.kafka import admin_config
from runtime.settings import Settings

LONGER_SECONDS = 5.0  # than the request itself: the child starts, imports and connects
TRIES = 2


@dataclass(frozen=True, slots=True)
class Member:
    """One processor (or producer) of a group and what it owns."""

    client_id: str
    host: str
    partitions: tuple[int, ...]


class GroupMembers:
    """Asks for the members of any group; used by one thread at a time; to be closed."""

    def __init__(self, settings: Settings) -> None:
        self._config = {name: value for name, value in admin_config(settings).items() if name != "error_cb"}
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, group_id: str, seconds: float, topic: str | None = None) -> list[Member]:
        """Return a group's live members, [] for a group that does not exist; KafkaException within some seconds more.

        `topic` = only its partitions are returned.
        A child that has ended is replaced once: it may have ended between two questions.
        """
        for _ in range(TRIES):
            answer = self._ask({"group": group_id, "seconds": seconds, "topic": topic}, seconds + LONGER_SECONDS)
            if answer is not None:
                return _members(answer)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, f"the members of {group_id} could not be asked for"))

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return the child's answer; None = it has ended, or did not answer in time and was ended."""
        child = self._child = self._child or self._start()
        try:
            _write(child, question)
            answer = _read_line(child, seconds)
        except BaseException as error:  # Ctrl-C, too: the next question must not get this one's answer
            self.close()
            if isinstance(error, OSError):
                return None
            raise
        if answer is None:
            self.close()
            return None
        found: dict[str, Any] = json.loads(answer)
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "runtime.group_child"],  # -P: not a `runtime` of the current folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        with contextlib.suppress(OSError):  # it has ended: the reading says so
            _write(child, self._config)  # by the pipe: it holds the password
        return child


def _members(answer: dict[str, Any]) -> list[Member]:
    if "code" in answer:
        if answer["code"] == KafkaError.GROUP_ID_NOT_FOUND:
            return []
        raise KafkaException(KafkaError(answer["code"], answer["text"]))
    return [Member(client_id, host.lstrip("/"), tuple(numbers)) for client_id, host, numbers in answer["members"]]


def _write(child: subprocess.Popen[bytes], value: dict[str, Any]) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps(value).encode() + b"\n")
    child.stdin.flush()


def _read_line(child: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """Return one line; None where the child ends or stays silent."""
    assert child.stdout is not None
    until, found = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            if not ready.select(max(0.0, until - time.monotonic())):
                return None
            piece = os.read(child.stdout.fileno(), 65_536)
            if not piece:
                return None
            found += piece
    return found
