"""`alerts`: what is wrong is posted to a webhook, once, and again when it is over."""

import pytest

from operations.alerts import REPEAT_SECONDS, Alarm, Teller, told_alarms
from operations.endpoints import Told
from tests.harness.commands import bl2sm
from tests.harness.webhook import receiver
from tests.operations.shop import deployment


def told(**over: object) -> Told:
    return Told(**({"program": "processor", "member": "m", "url": "u", "named": False} | over))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("program", "kinds"),
    [
        (told(checks={}), []),
        (told(checks={"assignment": "partitions are being loaded"}), []),
        (told(checks={"switch": "paused by ala"}), []),
        (told(checks={"SALESmanago": "refuses the credentials"}), ["paused"]),
        (told(checks={"dead letters": "too many in a row"}), ["paused"]),
        (told(checks={"BaseLinker": "the token is blocked"}, blocked=True), ["token_blocked"]),
        (told(checks={"BaseLinker": "refuses the token"}, blocked=False), ["paused"]),
        (told(checks={"journal": "names nothing"}), ["journal_silent"]),
        (told(checks={"broker": "does not answer"}), ["broker_away"]),
        (told(checks={"commits": "Kafka did not take the last 3 transactions"}), ["broker_away"]),
        (told(not_asked="u does not answer"), []),
        (told(not_asked="u does not answer", named=True), ["endpoint_away"]),
    ],
)
def test_an_alarm_is_what_only_the_program_knows(program: Told, kinds: list[str]) -> None:
    assert [alarm.kind for alarm in told_alarms([program])] == kinds


def test_an_alarm_is_sent_once_again_after_hours_and_when_it_is_over() -> None:
    teller = Teller()
    both = [Alarm("paused", "one"), Alarm("paused", "two")]
    assert teller.due(0, both) == [(Alarm("paused", "one; two"), False)]
    teller.told(0, both[0], False)
    assert teller.due(60, both) == []
    assert [over for _, over in teller.due(REPEAT_SECONDS, both)] == [False]
    assert teller.due(61, []) == [(Alarm("paused", "is over"), True)]


def test_no_alarm_is_called_over_while_it_cannot_be_seen() -> None:
    teller, letters, away = Teller(), Alarm("dead_letters", "1"), Alarm("broker_away", "no answer")
    teller.told(0.0, letters, over=False)
    assert teller.due(1.0, [away], known=False) == [(away, False)]
    teller.told(1.0, away, over=False)
    assert teller.due(2.0, [letters]) == [(Alarm("broker_away", "is over"), True)]


def test_alerts_post_to_a_webhook_that_nothing_runs(kafka: str) -> None:
    with deployment(kafka, "--orders", "3") as environment, receiver() as (url, got):
        assert bl2sm(environment, "alerts", "--test").code == 2
        nonsense = bl2sm(environment, "alerts", "--test", ALERT_WEBHOOK_URL="hooks.example.com")
        assert nonsense.code == 2
        assert "ALERT_WEBHOOK_URL is no URL" in nonsense.err
        environment["ALERT_WEBHOOK_URL"] = url
        assert bl2sm(environment, "topics").code == 0
        assert bl2sm(environment, "alerts", "--test").code == 0
        assert [one["kind"] for one in got] == ["test"]
        assert bl2sm(environment, "pause", "--by", "ala").code == 0
        assert bl2sm(environment, "alerts", "--once").code == 1
        assert {one["kind"] for one in got[1:]} == {"processors_stopped", "producers_stopped", "switched_off"}
        assert any("paused by ala" in one["text"] for one in got)
        assert {one["state"] for one in got} == {"firing"}
        away = bl2sm(environment, "alerts", "--once", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
        assert away.code == 1
        assert got[-1]["kind"] == "broker_away"
