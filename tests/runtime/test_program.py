"""How a program ends: 0 fine, 1 a problem, 2 wrong settings or a port that is taken."""

import logging
import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from runtime import program as starting
from runtime.health import Health
from runtime.program import CannotContinue, Program, run_program, wait_for_topics
from runtime.settings import load_settings
from schemas.topics import TopicProblem, Topics

SETTINGS = {"BASELINKER_TOKEN": "t", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "LOG_FORMAT": "json"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Only these settings, no `.env`; signals, logs and warnings are as they were afterwards."""
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    handlers, level, showing = root.handlers, root.level, warnings.showwarning
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
    root.handlers, warnings.showwarning = handlers, showing
    root.setLevel(level)
    structlog.reset_defaults()


def run(work: Callable[[Program], bool], *argv: str) -> int:
    return run_program("producer", "Publishes.", "leadership", work, argv)


@pytest.mark.parametrize(
    ("argv", "done", "code"), [((), True, 0), ((), False, 0), (("--until-caught-up",), True, 0),
                               (("--until-caught-up",), False, 1)]
)  # fmt: skip
def test_being_stopped_is_a_problem_only_for_a_program_that_had_to_catch_up(
    argv: tuple[str, ...], done: bool, code: int
) -> None:
    assert run(lambda program: done, *argv) == code


@pytest.mark.parametrize("error", [CannotContinue("fix it"), TopicProblem("fix the topic")])
def test_what_a_person_must_fix_ends_a_program_with_1(error: Exception) -> None:
    def work(program: Program) -> bool:
        raise error

    assert run(work) == 1


def test_other_errors_are_not_hidden() -> None:
    def work(program: Program) -> bool:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run(work)


def test_wrong_settings_end_a_program_with_2_before_it_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BASELINKER_TOKEN")
    assert run(lambda program: pytest.fail("it worked")) == 2
    assert "BASELINKER_TOKEN: is missing" in capsys.readouterr().err


def test_a_port_that_is_taken_ends_a_program_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        monkeypatch.setenv("HTTP_PORT", str(taken.getsockname()[1]))
        assert run(lambda program: pytest.fail("it worked")) == 2
    assert "HTTP_PORT" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_a_program_to_stop_and_it_is_not_ready_before_its_work_says_so(number: signal.Signals) -> None:
    def work(program: Program) -> bool:
        assert program.health.ready() == {"leadership": "starting"}
        os.kill(os.getpid(), number)
        return program.stop.wait(60)

    assert run(work, "--until-caught-up") == 0


class Admin:
    def poll(self, _: float) -> int:
        return 0


def test_topics_are_waited_for_until_kafka_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [KafkaException(KafkaError(KafkaError._TRANSPORT)), 6]
    states = []

    def ensure(*_: object, **__: object) -> int:
        states.append(health.ready().get("broker"))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    monkeypatch.setattr(starting, "ensure_topics", ensure)
    monkeypatch.setattr(starting, "AGAIN_SECONDS", 0.0)
    health, settings, admin = Health(), load_settings(SETTINGS, None, need="producer"), Admin()
    assert wait_for_topics(admin, Topics("t"), settings, Event(), health) == 6  # type: ignore[arg-type]
    assert [*states, health.ready()["broker"]] == [None, "Kafka does not answer", "ok"]


def test_a_stop_ends_the_wait_for_topics() -> None:
    stop, settings, admin = Event(), load_settings(SETTINGS, None, need="producer"), Admin()
    stop.set()
    assert wait_for_topics(admin, Topics("t"), settings, stop, Health()) is None  # type: ignore[arg-type]
