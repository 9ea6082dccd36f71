"""Whom status and alerts ask, and what they make of the answers. Pure."""

import pytest

from operations.alerts import REPEAT_SECONDS, Alarm, Teller, told_alarms
from operations.endpoints import Told, targets
from runtime.group_members import Member
from runtime.kafka import member_name, port_of


@pytest.mark.parametrize(("port", "told"), [(8080, 8080), (None, None), (0, None)])
def test_a_members_name_tells_its_port(port: int | None, told: int | None) -> None:
    assert port_of(member_name(port)) == told


@pytest.mark.parametrize("name", ["rdkafka", "mine-8080", "bl2sm-x", ""])
def test_a_name_of_another_kind_tells_none(name: str) -> None:
    assert port_of(name) is None


def test_each_address_is_asked_once_and_a_member_without_one_is_said_so() -> None:
    processors = [Member("bl2sm-8080", "10.0.0.1", (0,)), Member("bl2sm-8080", "10.0.0.1", (1,))]
    producers = [Member("bl2sm", "fd00::2", (0,))]
    assert [one.url for one in targets(processors, producers, None, ())] == ["http://10.0.0.1:8080", None, None]
    named = ("http://10.0.0.1:8080/", "http://else:1")
    found = targets(processors, producers, 9090, named)
    assert [(one.url, one.named) for one in found] == [
        ("http://10.0.0.1:8080", True), (None, False), ("http://[fd00::2]:9090", False), ("http://else:1", True),
    ]  # fmt: skip


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


def test_an_alarm_is_told_once_again_after_hours_and_when_it_is_over() -> None:
    teller = Teller()
    both = [Alarm("paused", "one"), Alarm("paused", "two")]
    assert teller.due(0, both) == [(Alarm("paused", "one; two"), False)]
    teller.told(0, both[0], False)
    assert teller.due(60, both) == []
    assert [over for _, over in teller.due(REPEAT_SECONDS, both)] == [False]
    assert teller.due(61, []) == [(Alarm("paused", "is over"), True)]


def test_nothing_is_said_to_be_over_while_it_cannot_be_seen() -> None:
    teller, letters, away = Teller(), Alarm("dead_letters", "1"), Alarm("broker_away", "no answer")
    teller.told(0.0, letters, over=False)
    assert teller.due(1.0, [away], known=False) == [(away, False)]
    teller.told(1.0, away, over=False)
    assert teller.due(2.0, [letters]) == [(Alarm("broker_away", "is over"), True)]
