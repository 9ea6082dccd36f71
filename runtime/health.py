"""What a program answers over HTTP: /livez (its loop turns), /readyz (every named check is ok), /metrics."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from runtime.logging import get_logger

STUCK_SECONDS = 90.0
LOG_AFTER_SECONDS, LOG_AGAIN_SECONDS = 60.0, 3600.0

log = get_logger(__name__)


class Health:
    """Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turned_at = clock()
        self._checks: dict[str, tuple[bool, str]] = {}
        self._failing: dict[str, float] = {}  # check → since when
        self._logged_at: dict[str, float] = {}  # check → when its failure was last logged
        self._last_error: dict[str, str] | None = None

    def turn(self) -> None:
        """Note that the loop turned; a check that has failed for a minute is logged, and again every hour."""
        self._turned_at = now = self._clock()
        if self._failing:
            self._log_failing(now)

    def set_ready(self, name: str, ok: bool, why: str = "") -> None:
        """Note a check's state; `why` says what is wrong."""
        with self._lock:
            self._checks[name] = (ok, "" if ok else why)
            if ok:
                self._failing.pop(name, None)
                logged_at = self._logged_at.pop(name, None)
            else:
                self._failing.setdefault(name, self._clock())
                return
        if logged_at is not None:
            log.info("ready again", check=name)

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

    def readiness(self) -> dict[str, Any]:
        """Return what /readyz answers: `ready`, `checks` as ready() has them, `last_error` {at, what, why} or None."""
        checks = self.ready()
        fine = bool(checks) and all(state == "ok" for state in checks.values())
        with self._lock:
            return {"ready": fine, "checks": checks, "last_error": self._last_error}

    def _log_failing(self, now: float) -> None:
        with self._lock:
            due = [
                (name, self._checks[name][1], round(now - since))
                for name, since in self._failing.items()
                if now - since >= LOG_AFTER_SECONDS
                and now - self._logged_at.get(name, now - LOG_AGAIN_SECONDS) >= LOG_AGAIN_SECONDS
            ]
            self._logged_at |= {name: now for name, *_ in due}
        for name, why, seconds in due:
            log.warning("not ready", check=name, state=why, seconds=seconds)


class PortInUse(Exception):
    """The port can't be used; the text says what to do."""


class HealthServer:
    """Serves a Health and a registry on a port (0 = any) until closed; PortInUse."""

    def __init__(self, port: int, health: Health, registry: CollectorRegistry) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/livez":
                    self._answer(200 if health.live else 503, "text/plain", b"ok" if health.live else b"stuck")
                elif self.path == "/readyz":
                    readiness = health.readiness()
                    self._answer(200 if readiness["ready"] else 503, "application/json", json.dumps(readiness).encode())
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
            raise PortInUse(
                f"HTTP_PORT {port} can't be used ({error.strerror}): end what uses it, or choose another"
            ) from None
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
