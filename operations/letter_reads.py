"""Dead letters as they lie in their topic."""

from collections.abc import Iterable, Set
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
            if _is_letter(message):
                alive[key] = message
        found = [letter for key, message in alive.items() if (letter := _letter(key, message)) is not None]
        return sorted(found, key=lambda letter: letter.why.time)


class StillThere:
    """The keys of the letters that are there; each look reads only what was written since the one before."""

    def __init__(self, reads: TopicReads) -> None:
        self._reads = reads
        self._read_to: dict[int, int] = {}
        self._keys: set[str] = set()

    def look(self) -> Set[str]:
        """Return those that were neither tried again nor dropped up to now."""
        topic = self._reads.topics.dead_letters
        ends = self._reads.log_ends(topic)
        starts = {number: self._read_to.get(number, first) for number, (first, _) in ends.items()}
        self._read_to = {number: end for number, (_, end) in ends.items()}
        for message in self._reads.messages(topic, starts, self._read_to):
            if isinstance(key := message.key(), bytes):
                (self._keys.add if _is_letter(message) else self._keys.discard)(_text(key))
        return self._keys


def _is_letter(message: Message) -> bool:
    """Whether it is a letter; else it takes one off the list."""
    return message.value() is not None or bool(message.headers())


def _text(key: bytes) -> str:
    return key.decode(errors="replace")


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
    return Letter(_text(key), message.partition() or 0, order_id, why, content, headers)
