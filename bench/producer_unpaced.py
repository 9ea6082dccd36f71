"""The producer without its pace: the program as it is, but its share of BaseLinker's requests is without limit."""

import sys
from threading import Event

from clients import Pacer
from producer.service import Program
from runtime.health import Health
from runtime.logging import configure_logging
from runtime.metrics import Metrics
from runtime.settings import load_settings


def main() -> int:
    """Read the whole journal once."""
    settings = load_settings(need="producer")
    configure_logging(settings.log_level, settings.log_format, settings.secrets)
    return Program(settings, Event(), Pacer(1e9), Health(), Metrics(), until_caught_up=True).run()


if __name__ == "__main__":
    sys.exit(main())
