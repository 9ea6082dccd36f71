"""The dead letters: what can never succeed, as it lies in their topic."""

from datetime import UTC, datetime

from processor.job import Raw
from schemas.records import DeadLetter

LARGEST_LETTER, LARGEST_KEPT_VALUE, LARGEST_KEPT_KEY = 900_000, 800_000, 1_000  # Kafka's default limit is 1,048,588


def dead_letter(raw: Raw, topic: str, reason: str, error: Exception | None, attempts: int) -> DeadLetter:
    """The headers of a dead letter; messages are the program's own words, never a payload."""
    return DeadLetter(
        reason=reason,
        error_class=type(error).__name__ if error is not None else "",
        message=str(error) if error is not None else reason,
        topic=topic,
        partition=raw.partition,
        offset=raw.offset,
        original_key=raw.key,
        attempts=attempts,
        time=datetime.now(UTC),
    )


def fitting(raw: Raw, letter: DeadLetter) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    """Value and headers of a dead letter, cut to what any topic takes: the whole still lies where the headers say."""
    headers = [header for header in raw.headers if not header[0].startswith("error.")]
    told = letter.to_headers()
    size = len(raw.value or b"") + len(raw.key or b"") + sum(len(name) + len(text or b"") for name, text in headers)
    if size <= LARGEST_LETTER:
        return raw.value or b"", [*headers, *told]  # without a value it would be a tombstone
    told = [(name, text[:LARGEST_KEPT_KEY]) for name, text in told]
    return (raw.value or b"")[:LARGEST_KEPT_VALUE], [*told, ("error.cut_from", str(size).encode())]
