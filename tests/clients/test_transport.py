"""Our transport under httpx: its errors, its one connection."""

import socket
import ssl
from typing import Any

import httpcore
import httpx
import pytest

from clients.errors import BackpressureError, RetriableError
from clients.http import Http
from clients.transport import Transport
from tests.clients.listening import listening, read_request
from tests.harness.waiting import wait_until

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
FIN_WAIT_2, CLOSED = 5, 7  # the client has acknowledged the end; or has closed its own, too


@pytest.mark.parametrize(
    "name",
    [
        "ConnectError", "ConnectTimeout", "LocalProtocolError", "NetworkError", "PoolTimeout", "ProtocolError",
        "ProxyError", "ReadError", "ReadTimeout", "RemoteProtocolError", "TimeoutException", "UnsupportedProtocol",
        "WriteError", "WriteTimeout",
    ],
)  # fmt: skip
def test_an_error_below_the_transport_comes_out_as_httpxs_error_of_that_name(name: str) -> None:
    class Broken(httpcore.NetworkBackend):
        def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
            raise getattr(httpcore, name)("the line is down")

    transport = Transport(ssl.create_default_context(), Broken())
    with pytest.raises(getattr(httpx, name), match="the line is down") as caught:
        transport.handle_request(httpx.Request("GET", "http://shop.invalid/"))
    assert type(caught.value).__name__ == name


def test_an_error_of_another_kind_comes_out_as_it_is() -> None:
    class Broken(httpcore.NetworkBackend):
        def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
            raise LookupError("nothing of the network's")

    with pytest.raises(LookupError):
        Transport(ssl.create_default_context(), Broken()).handle_request(httpx.Request("GET", "http://shop.invalid/"))


def test_calls_that_follow_each_other_share_a_connection() -> None:
    requests: list[list[bytes]] = []

    def serve(connection: socket.socket) -> None:
        mine: list[bytes] = []
        requests.append(mine)
        while request := read_request(connection):
            mine.append(request)
            connection.sendall(ANSWER)

    with listening(serve) as url:
        http = Http("test", 5.0)
        for number in range(3):
            assert http.post_json(url, {"number": number}).content == b"{}"
        http.close()
    assert [len(mine) for mine in requests] == [3]


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not show a connection's state")
def test_a_kept_connection_that_the_server_has_ended_is_replaced() -> None:
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        read_request(connection)
        connection.sendall(ANSWER)
        connection.shutdown(socket.SHUT_WR)

    def the_client_knows() -> bool:
        return connections[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in {FIN_WAIT_2, CLOSED}

    with listening(serve) as url:
        http = Http("test", 5.0)
        for number in range(3):
            assert http.post_json(url, {"number": number}).status == 200
            wait_until(the_client_knows, 10, "the client has taken the connection's end")
        http.close()
    assert len(connections) == 3


def test_an_answer_that_ends_early_is_an_unclear_one_and_the_next_call_has_its_own() -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", ANSWER]

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answers.pop(0))
        connection.close()

    with listening(serve) as url:
        http = Http("test", 5.0)
        with pytest.raises(RetriableError, match="RemoteProtocolError") as caught:
            http.post_json(url, {})
        assert caught.value.may_have_applied
        assert http.post_json(url, {}).content == b"{}"
        http.close()


@pytest.mark.parametrize("environment", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_not_asked(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment, "http://127.0.0.1:9")

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(ANSWER)

    with listening(serve) as url:
        http = Http("test", 5.0)
        assert http.post_json(url, {}).status == 200
        http.close()


def test_a_server_that_nobody_runs_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    http = Http("test", 5.0)
    with pytest.raises(BackpressureError, match="ConnectError"):
        http.post_json(f"http://127.0.0.1:{port}/", {})
    http.close()
