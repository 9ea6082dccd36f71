"""What the outside may ask: /livez (the loop turns), /readyz (every named check is fine), /metrics."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

STUCK_SECONDS = 90.0


class Health:
    """Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turned_at = clock()
        self._checks: dict[str, tuple[bool, str]] = {}
        self._last_error: dict[str, str] | None = None

    def turn(self) -> None:
        """The loop turned."""
        self._turned_at = self._clock()

    def set_ready(self, name: str, ok: bool, why: str = "") -> None:
        """Note a check's state; `why` says what is wrong."""
        with self._lock:
            self._checks[name] = (ok, "" if ok else why)

    def note_error(self, what: str, why: str) -> None:
        """Note what went wrong last, in words that are fit for a log."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            self._last_error = {"at": at, "what": what, "why": why}

    @property
    def live(self) -> bool:
        """Whether the loop turned lately."""
        return self._clock() - self._turned_at < STUCK_SECONDS

    def ready(self) -> dict[str, str]:
        """Return check → "ok" or what is wrong."""
        with self._lock:
            return {name: "ok" if ok else why or "not ready" for name, (ok, why) in self._checks.items()}

    def told(self) -> dict[str, Any]:
        """Return what /readyz tells: `ready`, `checks` as ready() has them, `last_error` {at, what, why} or None."""
        checks = self.ready()
        fine = bool(checks) and all(state == "ok" for state in checks.values())
        with self._lock:
            return {"ready": fine, "checks": checks, "last_error": self._last_error}


class PortTaken(Exception):
    """Nobody can be served on the port; the text says what to do."""


class HealthServer:
    """Serves a Health and a registry on a port (0 = any) until closed; PortTaken where that can't be."""

    def __init__(self, port: int, health: Health, registry: CollectorRegistry) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/livez":
                    self._answer(200 if health.live else 503, "text/plain", b"ok" if health.live else b"stuck")
                elif self.path == "/readyz":
                    told = health.told()
                    self._answer(200 if told["ready"] else 503, "application/json", json.dumps(told).encode())
                elif self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))  # type: ignore[no-untyped-call]
                else:
                    self._answer(404, "text/plain", b"/livez, /readyz or /metrics")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: probes come every few seconds."""

        try:
            self._server = ThreadingHTTPServer(("", port), Handler)
        except OSError as error:
            raise PortTaken(
                f"HTTP_PORT {port} can't be used ({error.strerror}): end what uses it, or choose another"
            ) from None
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
