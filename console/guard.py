"""What holds for every request: the Host must be ours, and every answer carries the browser's orders."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(settings: Settings) -> bool:
    """Whether the console is reached from this machine alone."""
    return settings.console_host.strip("[]") in LOOPBACK


def names_of(settings: Settings) -> frozenset[str]:
    """Return the host names by which the console may be called."""
    further = {name.strip().lower() for name in settings.console_names.split(",") if name.strip()}
    own = {settings.console_host.strip("[]").lower()} - ANY
    return LOOPBACK | own | further


def host_name(header: str) -> str:
    """Return a Host header's name without its port."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


def same_host(origin: str, header: str) -> bool:
    """Whether an Origin names the host that a Host header does; the scheme's own port may be left out."""
    scheme, _, host = origin.lower().partition("://")
    port = {"https": ":443", "http": ":80"}.get(scheme, "")
    return host != "" and host.removesuffix(port) == header.strip().lower().removesuffix(port)


class Guard:
    """Refuses foreign names (DNS rebinding), and sets the headers."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if not scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        if host_name(Headers(scope=scope).get("host", "")) not in self._names:
            text = "This name is not known here: add it to CONSOLE_NAMES and start the console again.\n"
            await PlainTextResponse(text, 400)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)
