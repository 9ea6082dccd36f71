"""A way to BaseLinker's stand-in that a test can hold or close, for the console alone."""

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.harness.ports import quiet_port

MOST_SECONDS = 120.0  # no request is held for longer, whatever happens to the test
PASSED_ON = ("X-BLToken", "Content-Type")


class Gate:
    """Passes requests on; to be closed. `url` = its address, in place of BaseLinker's."""

    def __init__(self, beyond: str) -> None:
        self._beyond, self._port = beyond, quiet_port()
        self._passing = threading.Event()
        self._passing.set()
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.url = f"http://127.0.0.1:{self._port}/connector.php"
        self._server = self._open()

    def close(self) -> None:
        """Refuse connections; what is held passes."""
        self._passing.set()
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no request pass until the end of the block."""
        self._passing.clear()
        try:
            yield
        finally:
            self._passing.set()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Refuse connections until the end of the block."""
        self.close()
        try:
            yield
        finally:
            self._server = self._open()

    def _open(self) -> ThreadingHTTPServer:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gate._passing.wait(MOST_SECONDS)
                headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
                request = urllib.request.Request(gate._beyond, body, headers)
                with gate._direct.open(request, timeout=60) as answer:
                    told = answer.read()
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server
