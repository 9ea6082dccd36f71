"""HTTP for both APIs: kept connections, a deadline for the whole call, a last check at the write of the request body.

No other room imports httpx; transport.py is its connection, network.py the socket. Requests go straight to a transport:
the redirects, cookies and log-ins of httpx's client are of no use here, and take a third of a request's CPU time. Each
call under way has a transport with one connection to itself: a pool looks at all its connections twice a request, which
with 48 takes a quarter of what is left.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from clients.certificates import machine_context
from clients.errors import BackpressureError, RetriableError
from clients.network import Call, Network
from clients.transport import Transport

USER_AGENT = "baselinker-salesmanago/0.1"
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"}
LARGEST_ANSWER = 64 * 1024 * 1024
BODY_WRITE = "http11.send_request_body.started"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Http:
    """`seconds` bounds a whole call, however slowly the answer dribbles. Thread-safe.

    There are as many connections as there ever were calls at once. Raises BackpressureError when nobody listens
    (nothing was sent) and RetriableError for everything else.
    """

    def __init__(
        self,
        api: str,
        seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self.seconds, self._clock = api, seconds, clock
        self._call = Call()
        self._given = transport
        self._context = machine_context() if transport is None else None
        self._made: list[httpx.BaseTransport] = []
        self._free: list[httpx.BaseTransport] = []  # the one used last is taken first: the others may grow old

    def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """POST `application/x-www-form-urlencoded`, everything percent-encoded."""
        return self._send("POST", url, headers=headers, data=dict(fields))

    def post_json(
        self, url: str, body: Any, before_write: Callable[[], None] | None = None, seconds: float | None = None
    ) -> Answer:
        """POST JSON; `before_write` runs at the write of the body, and what it raises keeps the body unsent.

        `seconds` = another bound for this call.
        """
        headers = {"Accept": "application/json, application/json", "Content-Type": "application/json;charset=UTF-8"}
        return self._send("POST", url, before_write, seconds, headers=headers, json=body)

    def get_json(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET."""
        return self._send("GET", url, headers={"Accept": "application/json", **headers})

    def close(self) -> None:
        """Close all connections."""
        for transport in self._made if self._given is None else [self._given]:
            transport.close()

    @contextmanager
    def _lent(self) -> Iterator[httpx.BaseTransport]:
        """Lend a transport for one call."""
        if self._context is None:
            assert self._given is not None
            yield self._given
            return
        try:
            transport = self._free.pop()
        except IndexError:
            transport = Transport(self._context, Network(self._call, self.seconds))
            self._made.append(transport)
        try:
            yield transport
        finally:
            self._free.append(transport)

    def _send(
        self,
        method: str,
        url: str,
        before_write: Callable[[], None] | None = None,
        seconds: float | None = None,
        *,
        headers: Mapping[str, str],
        **content: Any,
    ) -> Answer:
        bound = seconds or self.seconds
        written = False
        refused: list[BaseException] = []

        def trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal written
            if event == BODY_WRITE:
                if before_write is not None:
                    check()
                    self._call.check = check
                written = True

        def check() -> None:
            assert before_write is not None
            try:
                before_write()
            except BaseException as error:
                refused.append(error)
                raise

        deadline = self._clock() + bound
        self._call.deadline = time.monotonic() + bound
        times = {"connect": min(bound, 5.0), "read": bound, "write": bound}
        extensions = {"trace": trace, "timeout": times}
        try:
            request = httpx.Request(
                method, _url(url), headers={**_HEADERS, **headers}, extensions=extensions, **content
            )
            with self._lent() as transport:
                return self._read(transport.handle_request(request), deadline)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise BackpressureError(f"can't be reached ({type(error).__name__})", api=self._api) from None
        except RetriableError:
            raise
        except Exception as error:  # an answer's headers can raise more than httpx's own kinds
            if refused:
                raise refused[0] from None
            if not written and isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
                raise BackpressureError("the URL can't be used: check the settings", api=self._api) from None
            raise RetriableError(
                f"no answer ({type(error).__name__})", api=self._api, may_have_applied=written
            ) from None
        finally:
            self._call.check = self._call.deadline = None

    def _read(self, response: httpx.Response, deadline: float) -> Answer:
        try:
            read = bytearray()
            for chunk in response.iter_bytes():
                read += chunk
                if len(read) > LARGEST_ANSWER:
                    raise self._lost("the answer is larger than 64 MiB")
                if self._clock() > deadline:
                    raise self._lost("the answer took too long")
            return Answer(response.status_code, response.headers, bytes(read))
        finally:
            response.close()

    def _lost(self, why: str) -> RetriableError:
        return RetriableError(why, api=self._api, may_have_applied=True)


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    """Parse once what is asked again and again."""
    return httpx.URL(text)
