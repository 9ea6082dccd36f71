"""What went wrong, told to the reader: what it means and the way out in his language, the program's own words below."""

from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from clients import ApiError, BackpressureError, FatalError, RejectedError
from console.words import Words
from operations.live_settings import Current
from operations.output import Refused, WrongUsage, sentence
from operations.topic_reads import KafkaAway
from runtime.settings import SettingsError
from schemas.codec import DecodeError, RegistryUnavailable
from schemas.topics import TopicProblem

KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((FatalError,), "key"),
    ((BackpressureError,), "api_wait"),
    ((RejectedError,), "api_refused"),
    ((ApiError,), "api_failed"),
    ((KafkaAway, KafkaException), "kafka_away"),
    ((RegistryUnavailable,), "registry_away"),
    ((TopicProblem, DecodeError), "topics"),
    ((SettingsError,), "settings"),
    ((WrongUsage,), "usage"),
    ((Refused,), "refused"),
)


class Known(Refused):
    """A refusal of the console's own, said by a text of its section `trouble`; `values` are the text's."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True, slots=True)
class Told:
    """`detail` = the program's own sentence in English, "" where the text says it all."""

    text: str
    detail: str


def tell(error: Exception, words: Words) -> Told:
    """Return what to say about a failure; neither text holds secrets or personal data."""
    if isinstance(error, Known):
        return Told(words(f"trouble.{error.key}", **error.values), "")
    detail, _ = sentence(error)
    if isinstance(error, BackpressureError) and error.retry_at is not None:
        age = words.age((error.retry_at - datetime.now(UTC)).total_seconds())
        return Told(words("trouble.api_wait_for", api=error.api, age=age), detail)
    kind = next((key for types, key in KINDS if isinstance(error, types)), "fault")
    values = {"api": error.api} if isinstance(error, ApiError) else {}
    return Told(words(f"trouble.{kind}", **values), detail)


def changed_meanwhile(current: Current, expected: int, error: Refused) -> Refused:
    """Return who saved what since `expected` was looked at, the error itself where nobody did."""
    newer = next((one for one in reversed(current.history) if one.offset > expected), None)
    if newer is None:
        return error
    return Known("meanwhile", name=newer.changed_by, at=f"{newer.changed_at:%Y-%m-%d %H:%M:%S} UTC")
