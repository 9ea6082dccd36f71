"""The jars straight from Maven Central, at the address that the package jgo knows."""

import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import truststore

from sandbox.kafka.errors import Unavailable
from sandbox.kafka.jars import Jar, is_intact

CONNECTIONS, TRIES, CALL_SECONDS = 6, 4, 30.0


def is_known() -> bool:
    """Whether jgo is installed."""
    return find_spec("jgo") is not None


def fetch(jars: Sequence[Jar], folder: Path) -> None:
    """Put the jars into the folder; Unavailable where one can't be had."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - optional

    (address,) = MavenContext(repo_cache=folder, local_repos=[]).remote_repos.values()
    trusted = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(verify=trusted, timeout=CALL_SECONDS) as client, ThreadPoolExecutor(CONNECTIONS) as pool:
        for jar, content in zip(jars, pool.map(lambda jar: _get(client, address, jar), jars), strict=True):
            (folder / jar.name).write_bytes(content)


def _get(client: httpx.Client, address: str, jar: Jar) -> bytes:
    why = ""
    for number in range(TRIES):
        time.sleep(number)
        try:
            answer = client.get(f"{address}/{jar.path}")
        except httpx.HTTPError as error:
            why = f"{type(error).__name__} {error}"
            continue
        if answer.status_code == 200 and is_intact(jar, answer.content):
            return answer.content
        why = f"HTTP {answer.status_code}" if answer.status_code != 200 else "its SHA-256 differs from jars.lock"
    raise Unavailable(f"Maven Central did not give {jar.name}: {why}")
