"""Dead letters as they lie in their topic."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Message

from operations.topic_reads import TopicReads
from schemas.records import DeadLetter, dead_letter_from_headers
from schemas.topics import parse_order_key


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies there; `order_id` None = not to be told. `value` and `headers` as they came."""

    key: str
    partition: int
    order_id: int | None
    why: DeadLetter
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class LetterReads(TopicReads):
    """Reader of the dead letters."""

    def letters(self) -> list[Letter]:
        """Return the dead letters that were neither tried again nor dropped, oldest first."""
        alive: dict[bytes, Message] = {}
        for message in self.whole(self.topics.dead_letters):
            key = message.key()
            if not isinstance(key, bytes):
                continue
            alive.pop(key, None)
            if message.value() is not None or message.headers():
                alive[key] = message
        found = [letter for key, message in alive.items() if (letter := _letter(key, message)) is not None]
        return sorted(found, key=lambda letter: letter.why.time)


def _letter(key: bytes, message: Message) -> Letter | None:
    told: Iterable[tuple[str, str | bytes | None]] = message.headers() or []  # type: ignore[assignment]
    headers = tuple((name, text.encode() if isinstance(text, str) else text) for name, text in told)
    value = message.value()
    try:
        why = dead_letter_from_headers(headers)
    except ValueError:
        return None
    try:
        order_id: int | None = parse_order_key(why.original_key)
    except ValueError:
        order_id = None
    content = value if isinstance(value, bytes) else None
    return Letter(key.decode(errors="replace"), message.partition() or 0, order_id, why, content, headers)
