"""The consoles that tests share: without Kafka one for each test, in front of Kafka one for each module."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from starlette.testclient import TestClient

from console.program import Program
from tests.console.clients import browser, log_in
from tests.console.offline import GIVEN, Offline
from tests.console.online import online_console, without_apis
from tests.harness.commands import bl2sm
from tests.harness.programs import inherited
from tests.harness.waiting import wait_until


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Offline, TestClient]]:
    """A console without Kafka, in a folder without `.env`, and a browser that is not logged in."""
    monkeypatch.chdir(tmp_path)
    with patch.dict(os.environ, {**inherited(), **GIVEN}, clear=True):
        program = Offline()
        with browser(program) as client:
            yield program, client
        program.close()


@pytest.fixture
def offline(stranger: tuple[Offline, TestClient]) -> tuple[Offline, TestClient]:
    """The same with a browser that is logged in."""
    log_in(stranger[1])
    return stranger


@pytest.fixture(scope="module")
def online(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A console in front of topics that are there and empty, and of APIs that do not answer."""
    given = without_apis(kafka)
    assert bl2sm(given, "topics").code == 0
    with online_console(given, tmp_path_factory.mktemp("console")) as program:
        wait_until(lambda: program.look(fresh=True).away is None, 60, "the new topics can be read")
        yield program


@pytest.fixture(scope="module")
def client(online: Program) -> Iterator[TestClient]:
    """A browser that is logged in to it."""
    with browser(online) as found:
        log_in(found)
        yield found
