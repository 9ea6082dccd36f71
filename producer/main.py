"""`python -m producer`: stands by or leads, until told to stop (or caught up). Exit 0 fine, 1 a problem, 2 settings."""

import argparse
import signal
import sys
import warnings
from collections.abc import Sequence
from threading import Event

from clients import Pacer
from clients.pacing import producer_rate
from producer.leader import Stopped
from producer.service import Program, Wrong
from runtime.health import Health, HealthServer, PortTaken
from runtime.logging import configure_logging, get_logger
from runtime.metrics import Metrics
from runtime.settings import SettingsError, load_settings
from runtime.watchdog import Watchdog
from schemas.topics import TopicProblem

log = get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one producer."""
    parser = argparse.ArgumentParser(prog="producer", description="Turns BaseLinker's journal into Kafka messages.")
    parser.add_argument("--until-caught-up", action="store_true", help="end when the journal is read (for cron, tests)")
    options = parser.parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
    try:
        settings = load_settings(need="producer")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    health, metrics = Health(), Metrics()
    health.set_ready("leadership", False, "starting")
    configure_logging(settings.log_level, settings.log_format, settings.secrets, health.note_error)
    stop = Event()
    pacer = Pacer(producer_rate(settings.poll_interval_seconds))

    def end(*_: object) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    metrics.watch_budget(lambda: pacer.rate, lambda: pacer.blocked_until)
    try:
        server = HealthServer(settings.http_port, health, metrics.registry) if settings.http_port is not None else None
        watchdog = Watchdog(health) if server is not None else None
    except PortTaken as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return Program(settings, stop, pacer, health, metrics, options.until_caught_up).run()
    except Stopped:
        if options.until_caught_up:
            log.error("told to end before all was read")
        return 1 if options.until_caught_up else 0
    except (TopicProblem, Wrong) as error:
        log.error("stopped", why=str(error))
        return 1
    finally:
        pacer.close()
        if watchdog is not None:
            watchdog.close()
        if server is not None:
            server.close()
