"""Which status and log line an answer has that is no page: what was asked wrongly, what is refused, what is away."""

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from clients import BackpressureError, FatalError
from console.said import Known, status
from operations import live_settings
from operations.live_settings import Current
from operations.output import Refused, WrongUsage
from operations.topic_reads import KafkaAway
from runtime.settings import SettingsError, load_settings
from schemas.codec import RegistryUnavailable
from tests.browser.indoors import GIVEN, Indoors, console, log_in, token


def registry_away() -> Exception:
    """The refusal that reading the settings makes of a registry that does not answer."""

    def fail() -> Current:
        raise RegistryUnavailable("refused")

    with pytest.raises(Refused) as caught:
        live_settings._refusing(load_settings(GIVEN, None, need="kafka"), fail)
    return caught.value


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WrongUsage("no"), 400),
        (SettingsError("no"), 400),
        (Known("csrf"), 403),
        (Known("no_work"), 404),
        (Known("busy"), 409),
        (Known("not_done"), 409),
        (Refused("processors are running"), 409),
        (Known("too_large"), 413),
        (KeyError("x"), 500),
        (KafkaAway("no"), 503),
        (KafkaException(), 503),
        (FatalError("no", api="BaseLinker"), 503),
        (BackpressureError("no", api="BaseLinker"), 503),
        (registry_away(), 503),
    ],
)
def test_a_status_says_whose_turn_it_is(error: Exception, code: int) -> None:
    assert status(error) == code


@pytest.fixture
def room() -> Iterator[tuple[Indoors, TestClient]]:
    with console() as (program, client):
        log_in(client)
        yield program, client


def test_a_refusal_is_no_fault_in_the_log(room: tuple[Indoors, TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    program, client = room
    form = {"csrf": token(client, "/again"), "work": "gone"}
    with capture_logs() as log:
        assert client.post("/again/orders", data=form).status_code == 404
        monkeypatch.setattr(program, "current", lambda: 1 / 0)
        assert client.post("/pause/preview", data=form).status_code == 500
    told = [(line["log_level"], line["event"], line["path"]) for line in log]
    assert told == [("info", "a page was refused", "/again/orders"), ("error", "a page failed", "/pause/preview")]
