"""Which addresses status and alerts ask. Pure."""

import pytest

from operations.endpoints import targets
from runtime.group_members import Member
from runtime.kafka import member_name, port_of


@pytest.mark.parametrize(("port", "told"), [(8080, 8080), (None, None), (0, None)])
def test_a_members_name_holds_its_port(port: int | None, told: int | None) -> None:
    assert port_of(member_name(port)) == told


@pytest.mark.parametrize("name", ["rdkafka", "mine-8080", "bl2sm-x", ""])
def test_a_name_of_another_kind_holds_none(name: str) -> None:
    assert port_of(name) is None


def test_each_address_is_asked_once_and_a_member_without_one_is_listed() -> None:
    processors = [Member("bl2sm-8080", "10.0.0.1", (0,)), Member("bl2sm-8080", "10.0.0.1", (1,))]
    producers = [Member("bl2sm", "fd00::2", (0,))]
    assert [one.url for one in targets(processors, producers, None, ())] == ["http://10.0.0.1:8080", None, None]
    named = ("http://10.0.0.1:8080/", "http://else:1")
    found = targets(processors, producers, 9090, named)
    assert [(one.url, one.named) for one in found] == [
        ("http://10.0.0.1:8080", True), (None, False), ("http://[fd00::2]:9090", False), ("http://else:1", True),
    ]  # fmt: skip
