"""What went wrong, told to the reader: what it means and the way out in his language, the program's own words below."""

import traceback
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

KINDS: tuple[tuple[tuple[type[Exception], ...], str, int], ...] = (
    ((FatalError,), "key", 503),
    ((BackpressureError,), "api_wait", 503),
    ((RejectedError,), "api_refused", 503),
    ((ApiError,), "api_failed", 503),
    ((KafkaAway, KafkaException), "kafka_away", 503),
    ((RegistryUnavailable,), "registry_away", 503),
    ((TopicProblem, DecodeError), "topics", 503),
    ((SettingsError,), "settings", 400),
    ((WrongUsage,), "usage", 400),
    ((Refused,), "refused", 409),
    ((Exception,), "fault", 500),
)
STATUSES = {"bad_form": 400, "csrf": 403, "other_host": 403, "too_large": 413, "no_work": 404}


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
    detail = sentence(error)[0] if status(error) != 500 or isinstance(error, OSError) else _place(error)
    if isinstance(error, BackpressureError) and error.retry_at is not None:
        age = words.age((error.retry_at - datetime.now(UTC)).total_seconds())
        return Told(words("trouble.api_wait_for", api=error.api, age=age), detail)
    kind, _ = _kind(error)
    values = {"api": error.api} if isinstance(error, ApiError) else {}
    return Told(words(f"trouble.{kind}", **values), detail)


def status(error: Exception) -> int:
    """Return the answer's status: 4xx for what was asked wrongly or is refused, 5xx for what does not work."""
    return STATUSES.get(error.key, 409) if isinstance(error, Known) else _kind(error)[1]


def changed_meanwhile(current: Current, expected: int, error: Refused) -> Refused:
    """Return who saved what since `expected` was looked at, the error itself where nobody did."""
    newer = next((one for one in reversed(current.history) if one.offset > expected), None)
    if newer is None:
        return error
    return Known("meanwhile", name=newer.changed_by, at=f"{newer.changed_at:%Y-%m-%d %H:%M:%S} UTC")


def _kind(error: BaseException) -> tuple[str, int]:
    """Return the text's key and the status; a refusal that says that something is away is told as that."""
    cause = error.__context__
    if isinstance(error, Refused) and isinstance(cause, RegistryUnavailable | TopicProblem):
        return _kind(cause)
    return next((key, code) for types, key, code in KINDS if isinstance(error, types))


def _place(error: Exception) -> str:
    """Return which fault it is, and where in the program: what those who make it need, and nothing of the data."""
    frames = list(traceback.walk_tb(error.__traceback__))
    where = [f"{frame.f_globals.get('__name__', '?')}, line {number}" for frame, number in frames[-1:]]
    return ": ".join([type(error).__name__, *where])
