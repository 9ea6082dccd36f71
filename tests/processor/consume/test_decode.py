"""A message is an entry, or there is a reason why it can never be one; a registry that is down is no such reason."""

from types import SimpleNamespace
from typing import Any

import pytest

from processor.consume.decode import decode
from processor.job import Entry, Raw
from processor.values import Undecodable
from schemas.codec import RegistryUnavailable, make_codec
from schemas.topics import Topics
from tests.processor.entries import entry

CODEC = make_codec(Topics("t"), None)
RECORD = entry(4).record


def raw(key: bytes | None, value: bytes | None) -> Raw:
    return Raw(0, 4, key, value, ())


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"7", None, "empty_value"),
        (b"7", b"rubbish", "undecodable"),
        (b"seven", CODEC.encode(RECORD), "bad_key"),
        (None, CODEC.encode(RECORD), "bad_key"),
        (b"8", CODEC.encode(RECORD), "key_mismatch"),
    ],
)
def test_a_message_that_can_never_be_an_entry_has_its_reason(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    found = decode(raw(key, value), CODEC, 0)
    assert isinstance(found, Undecodable)
    assert found.reason == reason


@pytest.mark.parametrize(("replay_until", "replayed"), [(0, False), (4, False), (5, True)])
def test_an_entry_below_the_replay_mark_is_replayed(replay_until: int, replayed: bool) -> None:
    message = raw(b"7", CODEC.encode(RECORD))
    assert decode(message, CODEC, replay_until) == Entry(message, RECORD, replayed)


def test_a_registry_that_is_down_says_nothing_about_the_message() -> None:
    def down(*_: Any) -> Any:
        raise RegistryUnavailable("no answer")

    codec: Any = SimpleNamespace(decode=down)
    with pytest.raises(RegistryUnavailable):
        decode(raw(b"7", b"\x00\x00\x00\x00\x01"), codec, 0)
