"""Saving is compare-and-set: of two at the same moment one is refused, and nothing is saved unseen."""

import threading
import uuid
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from operations import settings_rows, settings_write
from operations.kafka_reads import KafkaReads
from operations.live_settings import (
    differences,
    effective,
    read,
    save_rules,
    save_switch,
    to_save,
    with_value,
)
from operations.output import Refused
from operations.settings_rows import Current
from runtime.settings import Settings, load_settings
from schemas.records import ShopSettings, Switch
from schemas.topics import Topics

AT = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)


def fresh(kafka: str) -> Settings:
    """A deployment that had no such topic before."""
    given = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:12]}", "CONTACT_TAG": "Env"}
    settings = load_settings(given, None, "kafka")
    assert read(settings) == Current()
    return settings


@pytest.fixture(scope="module")
def deployment(kafka: str) -> Settings:
    """One that all tests save to: each judges what it has changed."""
    return fresh(kafka)


def change(settings: Settings, name: str, value: str | None, by: str = "ala") -> ShopSettings:
    return with_value(read(settings), name, value, by, AT)


def test_what_is_saved_is_read_with_who_and_when_and_where_it_comes_from(kafka: str) -> None:
    deployment = fresh(kafka)
    save_rules(deployment, change(deployment, "SKIP_SHOP_ORDERS", "true"))
    save_rules(deployment, change(deployment, "CONTACT_TAG", "VIP", "ola"))
    save_rules(deployment, change(deployment, "CONTACT_TAG", None, "ola"))
    save_switch(deployment, Switch(True, " why\nnot ", "ela", AT))
    current = read(deployment)
    assert current.paused
    assert [one.changed_by for one in current.history] == ["ala", "ola", "ola", "ela"]
    assert current.switch == Switch(True, "why not", "ela", AT.replace(microsecond=123000))
    values = {one.name: (one.value, one.source, one.changed_by) for one in effective(deployment, current)}
    assert values == {
        "CONTACT_TAG": ("Env", "environment", None),
        "SALESMANAGO_LOCATION": ("", "default", None),
        "TAG_ORDER_SOURCE": ("none", "default", None),
        "SKIP_SHOP_ORDERS": (True, "saved", "ala"),
    }
    assert [(one.before, one.after) for one in current.history[1].differences] == [(None, "VIP")]


def test_a_change_that_nobody_looked_at_is_not_written_over(deployment: Settings) -> None:
    looked_at = read(deployment)
    save_rules(deployment, change(deployment, "TAG_ORDER_SOURCE", "name", "ola"), looked_at.last)
    with pytest.raises(Refused, match="by ola"):
        save_rules(deployment, with_value(looked_at, "CONTACT_TAG", "Mine", "ala", AT), looked_at.last)
    now = read(deployment)
    assert now.rules is not None
    before = looked_at.rules.contact_tag if looked_at.rules is not None else None
    assert (now.rules.contact_tag, now.rules.tag_order_source) == (before, "name")


def test_of_many_who_save_on_the_same_look_one_gets_through(deployment: Settings) -> None:
    looked_at = read(deployment)
    ended: list[str] = []

    def save(number: int) -> None:
        try:
            wanted = with_value(looked_at, "CONTACT_TAG", f"T{number}", f"w{number}", AT)
            save_rules(deployment, wanted, looked_at.last)
            ended.append(f"w{number}")
        except Refused as error:
            ended.append(str(error))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(100)
    saved = [one for one in read(deployment).history if one.offset > looked_at.last]
    assert len(ended) == 4
    assert [one.changed_by for one in saved] == [name for name in ended if len(name) == 2]
    assert len(saved) == 1


def test_a_stranger_who_writes_between_look_and_write_is_noticed(
    deployment: Settings, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Producer({"bootstrap.servers": kafka})

    looks: list[int] = []

    def end_of(reads: KafkaReads) -> int:
        looks.append(settings_rows.end_of(reads))
        if len(looks) > 1:
            return looks[-1]
        stranger.produce(Topics(deployment.topic_prefix).settings, key=b"rules", value=b"rubbish")
        assert stranger.flush(30) == 0
        return looks[0]

    before = read(deployment)
    monkeypatch.setattr(settings_write, "end_of", end_of)
    with pytest.raises(Refused, match="at the same moment"):
        save_rules(deployment, change(deployment, "CONTACT_TAG", "Mine"))
    now = read(deployment)
    assert now.rules == before.rules
    assert now.history[-1].unreadable is not None
    assert [one.offset for one in now.history[:-1]] == [one.offset for one in before.history]


def test_wrong_input_and_an_absent_broker_are_a_sentence(deployment: Settings) -> None:
    for name, value in (("SALESMANAGO_LOCATION", "a b"), ("SKIP_SHOP_ORDERS", "perhaps"), ("BASELINKER_TOKEN", "1")):
        with pytest.raises(Refused, match=name):
            with_value(Current(), name, value, "ala", AT)
    with pytest.raises(Refused, match="who"):
        save_switch(deployment, Switch(True, "", " ", AT))
    with pytest.raises(Refused, match="reason"):
        save_switch(deployment, Switch(True, "x" * 1000, "ala", AT))
    for personal in ("jan@example.com complains", "call +48 600 123 456", "600-123-456 asks"):
        with pytest.raises(Refused, match="kept in Kafka"):
            save_switch(deployment, Switch(True, personal, "ala", AT))


def test_what_comes_from_the_environment_stays_there_and_what_was_saved_can_be_given_back(
    deployment: Settings,
) -> None:
    installed = deployment.model_copy(update={"contact_tag": "Klient"})
    wanted = ShopSettings("Klient", "my_shop", "code", False, "ala", AT)
    kept = to_save(installed, Current(), wanted)
    assert (kept.contact_tag, kept.location, kept.tag_order_source, kept.skip_shop_orders) == (
        None,
        "my_shop",
        "code",
        None,
    )
    now = Current(rules=kept)
    assert to_save(installed, now, wanted, unset={"tag_order_source"}).tag_order_source is None
    back = to_save(installed, now, wanted, unset={"tag_order_source"})
    assert [(one.name, one.before, one.after) for one in differences(installed, now, back)] == [
        ("TAG_ORDER_SOURCE", "code", "none")
    ]


def test_a_pause_that_somebody_else_changed_meanwhile_is_not_written_over(deployment: Settings) -> None:
    looked_at = read(deployment).last
    save_switch(deployment, Switch(True, "first", "ala", AT), looked_at)
    with pytest.raises(Refused, match="changed meanwhile by ala"):
        save_switch(deployment, Switch(False, "", "ola", AT), looked_at)
