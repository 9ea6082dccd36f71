"""Which servers are believed, over real TLS; the key below is of this file alone."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import clients.http
from clients.certificates import machine_context
from clients.errors import BackpressureError
from clients.http import Http
from tests.clients.listening import listening, read_request

CERTIFICATE = """
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUYZV6xytoKwY9VluGIK7aYmSeZN0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEzMDAzMjc1NVoYDzIxMjYxMTA2
MDMyNzU1WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARl4rfC7Xe/npciHGcKibE7nJnruSMCzsL1idsqJe3VoH3Hjr+2kcJ6
+A64SnMXePTFnP8vSa1MTHKTV3opuxd3o2QwYjAdBgNVHQ4EFgQUsaemje4SWnnN
9F/95INhoa7JG7owHwYDVR0jBBgwFoAUsaemje4SWnnN9F/95INhoa7JG7owDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQD1Lc6hvtQQe9+HYeR3piEd1O3raSxHRo/Bv7Re7TXl1wIgJx0pZEYYL++u9W4Q
nLfwB66ne3U2/6I0RtePr7XkL9c=
-----END CERTIFICATE-----
"""
KEY = """
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMCSIyDteZo+lNhrV
3/PqkYpBgFV5VHJjfVq8kMpQ0BahRANCAARl4rfC7Xe/npciHGcKibE7nJnruSMC
zsL1idsqJe3VoH3Hjr+2kcJ6+A64SnMXePTFnP8vSa1MTHKTV3opuxd3
-----END PRIVATE KEY-----
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with the certificate that the server shows."""
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def server(tmp_path: Path, certificate: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A server behind TLS: its URL, and what it has read."""
    key = tmp_path / "key.pem"
    key.write_text(KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as shielded:
                while request := read_request(shielded):
                    received.append(request)
                    shielded.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except OSError:
            return

    with listening(serve) as url:
        yield url.replace("http://", "https://"), received


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "unset"])
def test_a_server_whose_certificate_nobody_vouches_for_is_sent_nothing(
    server: tuple[str, list[bytes]], certificate: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    url, received = server
    http = Http("test", 10.0)
    with pytest.raises(BackpressureError, match="ConnectError"):
        http.post_json(url, {})
    http.close()
    assert received == []


def test_the_check_before_the_write_keeps_a_body_unsent_behind_tls_too(
    server: tuple[str, list[bytes]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(clients.http, "machine_context", lambda: trusting)
    url, received = server
    checks: list[int] = []

    def check() -> None:
        checks.append(1)
        if len(checks) == 4:  # at the socket, in the second call
            raise TimeoutError("too old")

    http = Http("test", 10.0)
    assert http.post_json(url, {"what": "sent"}, check).content == b"{}"
    with pytest.raises(TimeoutError):
        http.post_json(url, {"what": "never sent"}, check)
    http.close()
    assert len(received) == 1 and b'"sent"' in received[0]


def test_the_environment_adds_and_removes_no_authority(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine_context().get_ca_certs()
    for file in (certificate, tmp_path / "nothing.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        assert machine_context().get_ca_certs() == before


def test_certificate_and_name_are_both_verified() -> None:
    context = machine_context()
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
