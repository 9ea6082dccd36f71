"""The producer without its pace: the program as it is, but its share of BaseLinker's requests is without limit."""

import sys
from threading import Event

from clients import Pacer
from producer.main import run
from runtime.health import Health
from runtime.logging import configure_logging
from runtime.metrics import Metrics
from runtime.program import Program
from runtime.settings import load_settings


def main() -> int:
    """Read the whole journal once."""
    settings = load_settings(need="producer")
    configure_logging(settings.log_level, settings.log_format, settings.secrets)
    program = Program(settings, True, Health(), Metrics(), Event())
    return 0 if run(program, Pacer(1e9)) else 1


if __name__ == "__main__":
    sys.exit(main())
