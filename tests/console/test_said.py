"""What went wrong, said to the reader: the status, the sentence in his language, and the program's own words."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import KafkaException
from starlette.testclient import TestClient

from clients import BackpressureError, FatalError
from console.said import KINDS, Known, Told, status, tell
from console.words import Words
from operations import live_settings
from operations.live_settings import Current
from operations.output import Refused, WrongUsage
from operations.topic_reads import KafkaAway
from runtime.settings import SettingsError, load_settings
from schemas.codec import RegistryUnavailable
from tests.console.clients import token
from tests.console.offline import GIVEN

pytestmark = pytest.mark.filterwarnings("ignore:BASELINKER_REQUESTS_PER_MINUTE")


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
def test_the_status_tells_a_wrong_request_from_a_refusal_and_from_what_is_away(error: Exception, code: int) -> None:
    assert status(error) == code


def test_a_failure_is_told_in_the_readers_language_above_the_programs_own_words() -> None:
    polish = Words("pl")
    assert all(polish.has(f"trouble.{key}") for _, key, _ in KINDS)
    end = datetime.now(UTC) + timedelta(minutes=9.9)
    blocked = tell(BackpressureError("the token is blocked", api="BaseLinker", retry_at=end), polish)
    assert blocked.text == "BaseLinker nie przyjmuje zapytań jeszcze przez 10\u00a0min. Potem spróbuj ponownie."
    assert blocked.detail == f"BaseLinker: the token is blocked; wait until {end:%H:%M:%S} UTC"
    assert "Klucze i hasła" in tell(FatalError("no", api="SALESmanago"), polish).text
    assert tell(Known("busy"), polish) == Told(polish("trouble.busy"), "")
    assert "Zgłoś go autorom" in tell(KeyError("secret"), polish).text
    assert tell(KeyError("secret"), polish).detail == "KeyError"
    try:
        raise KeyError("secret")
    except KeyError as error:
        assert re.fullmatch(r"KeyError: tests\.console\.test_said, line \d+", tell(error, polish).detail)


@pytest.mark.parametrize(
    ("path", "values", "code", "said"),
    [
        ("/again/replay/preview", {"from_offset": "7", "from_time": "2026-01-01T00:00"}, 400, "one of them"),
        ("/again/replay/preview", {"from_time": "soon", "zone": "../etc"}, 400, "Give a date"),
        ("/again/backfill/preview", {"since": ""}, 400, "Give a date"),
        ("/again/orders/preview", {"orders": "5, six"}, 400, "“six” is no order id"),
        ("/again/orders/preview", {"orders": "#5, 6"}, 303, ""),
        ("/again/backfill", {"work": "x"}, 404, "restarted meanwhile"),
        ("/again/replay", {"work": "x"}, 404, "restarted meanwhile"),
        ("/again/replay/stop", {}, 303, ""),
        ("/failed/preview", {"reason": "rejected", "until": "soon"}, 400, "not as this console made it"),
        ("/settings", {"work": "x"}, 404, "restarted meanwhile"),
        ("/settings/preview", {"location": "", "tag_order_source": "all"}, 400, "TAG_ORDER_SOURCE"),
        ("/settings/credentials", {}, 400, "at least one"),
        ("/orders", {"asked": "a@b" * 30}, 400, "at most 50"),
        ("/failed/preview", {"key": "9/9", "do": "retry"}, 404, "They are gone: somebody tried them again"),
        ("/failed/preview", {"reason": "rejected", "do": "drop"}, 404, "They are gone: somebody tried them again"),
        ("/failed/retry", {"key": "9/9"}, 303, ""),
        ("/pause", {"paused": "yes"}, 400, "not as this console made it"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(
    client: TestClient, path: str, values: dict[str, str], code: int, said: str
) -> None:
    answer = client.post(path, data={**values, "csrf": token(client, "/again")})
    assert (answer.status_code, said in answer.text) == (code, True), answer.text
    assert "Try again?" not in answer.text
