"""One Kafka transaction of a tool: all or nothing. A failed one is aborted: left open it hides what others write."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from confluent_kafka import KafkaException, Producer

from runtime.client_errors import told_by

TRANSACTION_SECONDS = 20.0


class NotWritten(Exception):
    """It was aborted, nothing of it counts; the text says why."""


class Unanswered(Exception):
    """Kafka did not say whether it counts; the text says why."""


@contextmanager
def transaction(producer: Producer) -> Iterator[None]:
    """Begin it, commit what the block wrote; whatever is raised on the way aborts it. NotWritten, Unanswered."""
    try:
        producer.begin_transaction()
        yield
    except (KafkaException, BufferError) as error:
        _abort(producer)
        raise NotWritten(told_by(error)) from error
    except BaseException:
        _abort(producer)
        raise
    try:
        producer.commit_transaction(TRANSACTION_SECONDS)
    except KafkaException as error:
        if error.args[0].txn_requires_abort() or error.args[0].fatal():  # the latter: fenced
            _abort(producer)
            raise NotWritten(told_by(error)) from error
        raise Unanswered(told_by(error)) from error


def _abort(producer: Producer) -> None:
    with suppress(KafkaException):  # it never began, or a newer producer's start has ended it
        producer.abort_transaction(TRANSACTION_SECONDS)
