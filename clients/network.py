"""The last layer above the socket: the check at the very write of a request's body, and an end to every slow answer.

httpx tells when it begins to write a body; between that and the write lie more of its own lines than a check may
precede, when many threads share a busy machine. Here nothing lies between but the call into the socket.

What was written lies with the kernel, which delivers it in its own time: over an outage of the line for a minute and
more, also after the socket was closed, or the process killed or stopped. So every close is an abort (SO_LINGER, 0
seconds), and what was not delivered within the time of a call is taken back (TCP_USER_TIMEOUT, where there is one): a
call that was given up reaches nobody after the wait for it.
"""

import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET
from typing import Any

import httpcore

if sys.platform == "linux":
    from socket import TCP_USER_TIMEOUT

ABORT: tuple[int, int, int | bytes] = (SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))


class Call(threading.local):
    """What the current thread's call asks of the network; `check` raises to keep the body unsent."""

    check: Callable[[], None] | None = None
    deadline: float | None = None


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, call: Call) -> None:
        self._stream, self._call = stream, call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline = self._call.deadline
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise httpcore.ReadTimeout("the answer took too long")
            timeout = left if timeout is None else min(timeout, left)
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        check, self._call.check = self._call.check, None
        if check is not None:  # once: after the first bytes of the body nobody can say that nothing was sent
            check()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **named), self._call)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Network(httpcore.NetworkBackend):
    """Connections whose streams mind the thread's call; what they can't deliver within `seconds` is lost."""

    def __init__(self, call: Call, seconds: float) -> None:
        self._backend, self._call = httpcore.SyncBackend(), call
        self._options = [ABORT]
        if sys.platform == "linux":
            self._options.append((IPPROTO_TCP, TCP_USER_TIMEOUT, round(seconds * 1000)))

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore does it, with an end that takes back what was not delivered."""
        options = [*(socket_options or ()), *self._options]
        return _Stream(self._backend.connect_tcp(host, port, timeout, local_address, options), self._call)
