"""Runs the console until a signal comes."""

import sys

import uvicorn

from console.app import make_app
from console.guard import is_loopback
from console.program import Program
from operations.output import note
from runtime.logging import configure_logging
from runtime.settings import Settings, SettingsError

LEAST_PASSWORD = 8


def serve(settings: Settings) -> int:
    """Serve; SettingsError where a password is needed and there is none."""
    password = settings.console_password.get_secret_value()
    if not password and not is_loopback(settings):
        raise SettingsError(
            f"CONSOLE_PASSWORD: is missing; the console listens on {settings.console_host}, others reach it: give one"
        )
    if password and len(password) < LEAST_PASSWORD:
        raise SettingsError(f"CONSOLE_PASSWORD: is shorter than {LEAST_PASSWORD} characters; give a longer one")
    configure_logging("WARNING", settings.log_format, settings.secrets)
    program = Program(settings)
    config = uvicorn.Config(
        make_app(program),
        host=settings.console_host.strip("[]"),
        port=settings.console_port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ws="none",
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config)
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    finally:
        program.close()
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Say where it is once it listens."""
        await super().startup(sockets)  # type: ignore[arg-type]
        for one in self.servers:
            for address in one.sockets:
                name = address.getsockname()
                host = f"[{name[0]}]" if ":" in name[0] else name[0]
                note(f"the console is at http://{host}:{name[1]}/")
        sys.stderr.flush()
