"""Runs the console until a signal comes."""

import signal
import socket

import uvicorn

from console import acts
from console.app import make_app
from console.guard import is_loopback
from console.program import Program
from operations.output import Refused, note
from runtime.logging import configure_logging
from runtime.settings import LEAST_PASSWORD, Settings, SettingsError


def serve(settings: Settings) -> int:
    """Serve; SettingsError where a password is needed and there is none, Refused where the port is taken."""
    password = settings.console_password.get_secret_value()
    if not password and not is_loopback(settings):
        raise SettingsError(
            f"CONSOLE_PASSWORD: is missing; the console listens on {settings.console_host}, others reach it: give one"
        )
    if not password and settings.console_names.strip():
        raise SettingsError(
            "CONSOLE_PASSWORD: is missing; CONSOLE_NAMES says that others reach the console, through a proxy: give one"
        )
    if password and len(password) < LEAST_PASSWORD:
        raise SettingsError(f"CONSOLE_PASSWORD: is shorter than {LEAST_PASSWORD} characters; give a longer one")
    configure_logging("WARNING", settings.log_format, settings.secrets)
    acts.hear()
    listener = _listen(settings.console_host.strip("[]"), settings.console_port)
    program = Program(settings)
    config = uvicorn.Config(
        make_app(program),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        forwarded_allow_ips=settings.console_proxies or "127.0.0.1",
        ws="none",
        h11_max_incomplete_event_size=64 * 1024,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn hands on what it was ended by
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return 0
    finally:
        program.close()
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Listen, and say where."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # socket adds the address
        raise Refused(
            f"the console can't listen on port {port} of {host} ({reason}): give another CONSOLE_PORT or --port"
        ) from None
    name, port = listener.getsockname()[:2]
    note(f"the console is at http://{f'[{name}]' if ':' in name else name}:{port}/")
    return listener
