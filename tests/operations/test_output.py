"""How commands end and what they show: on a fault how to continue, on a terminal how far they are."""

import os
import pty
import subprocess
import sys
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from clients import RejectedError
from operations.output import Refused, unfinished
from schemas.codec import DecodeError
from schemas.registry import RegistryUnavailable
from schemas.topics import TopicProblem


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        Refused("no"),
        RejectedError("no", api="SALESmanago"),
        KafkaException(KafkaError(KafkaError._TRANSPORT)),
        RegistryUnavailable("no"),
        DecodeError("no"),
        TopicProblem("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_work_that_ends_on_the_way_says_how_to_continue(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)), unfinished(lambda: "run it again"):
        raise error
    assert capsys.readouterr().err == "run it again\n"


def test_a_dry_run_shows_its_progress_on_a_terminal_and_prints_its_data_elsewhere(
    delivered: dict[str, str],
) -> None:
    terminal, side = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(terminal, 4096):
                shown.append(part)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    ended = subprocess.run(
        [sys.executable, "-m", "operations.cli", "process", "--dry-run", "--json"],
        env={**delivered, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=side,
        check=False,
        timeout=150,
    )
    os.close(side)
    reader.join(30)
    terminal_text = b"".join(shown).decode()
    assert ended.returncode == 0, terminal_text
    assert "orders judged" in terminal_text
    assert len(ended.stdout.splitlines()) > 10
    assert "order_id" not in terminal_text
