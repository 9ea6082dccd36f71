"""How a program starts and ends: arguments, settings, logs, health, signals; exit 0 fine, 1 a problem, 2 settings."""

import argparse
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Literal

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.client_errors import describe
from runtime.health import Health, HealthServer, PortInUse
from runtime.logging import configure_logging, get_logger
from runtime.metrics import Metrics
from runtime.settings import Settings, SettingsError, load_settings
from runtime.watchdog import Watchdog
from schemas.topics import TopicProblem, Topics, ensure_topics

ANSWER_SECONDS, AGAIN_SECONDS = 5.0, 2.0

log = get_logger(__name__)


class CannotContinue(Exception):
    """The program can't continue until a person fixes something; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a running program has: `stop` is set when it must end."""

    settings: Settings
    until_caught_up: bool
    health: Health
    metrics: Metrics
    stop: Event


def run_program(
    name: Literal["producer", "processor"],
    purpose: str,
    first_check: str,
    work: Callable[[Program], bool],
    argv: Sequence[str] | None = None,
) -> int:
    """Run a program to its end and return its exit code.

    `work` returns whether all was done, or False when it was stopped before. `first_check` is not ready until the work
    says otherwise. CannotContinue and TopicProblem end the program with their sentence in the log.
    """
    parser = argparse.ArgumentParser(prog=name, description=purpose)
    parser.add_argument("--until-caught-up", action="store_true", help="end when nothing is left (for cron, tests)")
    options = parser.parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
    with ExitStack() as stack:
        try:
            settings = load_settings(need=name)
            program = Program(settings, options.until_caught_up, Health(), Metrics(), Event())
            program.health.set_ready(first_check, False, "starting")
            configure_logging(settings.log_level, settings.log_format, settings.secrets, program.health.note_error)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: program.stop.set())
            if settings.http_port is not None:
                stack.callback(HealthServer(settings.http_port, program.health, program.metrics.registry).close)
                stack.callback(Watchdog(program.health).close)
        except (SettingsError, PortInUse) as error:
            print(error, file=sys.stderr)
            return 2
        try:
            if work(program) or not program.until_caught_up:
                return 0
            log.error("stopped before catching up")
        except (CannotContinue, TopicProblem) as error:
            log.error("stopped", why=str(error))
        return 1


def wait_for_topics(admin: AdminClient, topics: Topics, settings: Settings, stop: Event, health: Health) -> int | None:
    """Create and check the topics once Kafka answers; return the journal's partition count, None when stopped.

    TopicProblem where they are not as the promises need them.
    """
    while not stop.is_set():
        health.turn()
        try:
            count = ensure_topics(admin, topics, settings.journal_partitions, seconds=ANSWER_SECONDS)
            health.set_ready("broker", True)
            return count
        except KafkaException as error:
            admin.poll(0)  # serves the client's error callback
            health.set_ready("broker", False, "Kafka does not answer")
            servers = settings.kafka_bootstrap_servers
            log.warning("Kafka does not answer; waiting", servers=servers, error=describe(error))
            stop.wait(AGAIN_SECONDS)
    return None
