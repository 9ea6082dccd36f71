"""httpx's transport over one kept connection: httpx's own has no option for the network behind its connections.

Answers leave it unpacked.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence

import httpcore
import httpx

from clients.unpacking import unpacked

KEPT_SECONDS = 30.0
_ERRORS: Mapping[type[Exception], type[httpx.TransportError]] = {
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}
_KINDS = tuple(_ERRORS)


class Transport(httpx.BaseTransport):
    """One connection for one call at a time; raises httpx's errors. Proxies and the environment are not asked."""

    def __init__(self, context: ssl.SSLContext, network: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=network,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read while it is iterated, and must be closed."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = self._pool.handle_request(sent)
        except _KINDS as error:
            raise _ERRORS[type(error)](str(error)) from error
        headers = httpx.Headers(response.headers)
        codings = headers.get_list("content-encoding", split_commas=True)
        if codings:
            del headers["content-encoding"]
        return httpx.Response(
            response.status, headers=headers, stream=_Body(response, codings), extensions=response.extensions
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, codings: Sequence[str]) -> None:
        self._response, self._codings = response, codings

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from unpacked(self._response.iter_stream(), self._codings)
        except _KINDS as error:
            raise _ERRORS[type(error)](str(error)) from error

    def close(self) -> None:
        self._response.close()
