"""`python -m processor`: a member of the group until stopped, or caught up. Exit 0 fine, 1 a problem, 2 settings."""

import argparse
import signal
import sys
import warnings
from collections.abc import Sequence
from threading import Event

from processor.errors import NeedsOperator
from processor.supervisor import Supervisor
from processor.wiring import Observability
from runtime.health import Health, HealthServer, PortInUse
from runtime.logging import configure_logging, get_logger
from runtime.metrics import Metrics
from runtime.settings import SettingsError, load_settings
from runtime.watchdog import Watchdog
from schemas.topics import TopicProblem

log = get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one processor."""
    parser = argparse.ArgumentParser(prog="processor", description="Carries journal entries to SALESmanago.")
    parser.add_argument("--until-caught-up", action="store_true", help="end when nothing is left (for cron, tests)")
    options = parser.parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
    try:
        settings = load_settings(need="processor")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    health, metrics = Health(), Metrics()
    health.set_ready("assignment", False, "starting")
    configure_logging(settings.log_level, settings.log_format, settings.secrets, health.note_error)
    stop = Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        server = HealthServer(settings.http_port, health, metrics.registry) if settings.http_port is not None else None
        watchdog = Watchdog(health) if server is not None else None
    except PortInUse as error:
        print(error, file=sys.stderr)
        return 2
    patient = not options.until_caught_up
    try:
        if Supervisor(settings, patient, stop, Observability(health, metrics)).run() or patient:
            return 0
        log.error("stopped before catching up")
        return 1
    except (TopicProblem, NeedsOperator) as error:
        log.error("stopped", why=str(error))
        return 1
    finally:
        if watchdog is not None:
            watchdog.close()
        if server is not None:
            server.close()
