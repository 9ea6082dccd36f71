"""`bl2sm topics`: creates what is missing, checks what is there."""

from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from operations.options import AsJson
from operations.output import command, print_json, table
from operations.topic_reads import ANSWER_SECONDS, away
from runtime.kafka import admin_config
from runtime.logging import configure_logging
from runtime.settings import Settings, load_settings
from schemas.topics import Topics, ensure_topics


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic that is as it must be."""

    topic: str
    partitions: int


def make_topics(settings: Settings) -> list[TopicState]:
    """Create the missing, check the others; TopicProblem, Refused."""
    names = Topics(settings.topic_prefix)
    admin = AdminClient(admin_config(settings))
    try:
        count = ensure_topics(admin, names, settings.journal_partitions, seconds=ANSWER_SECONDS)
    except KafkaException as error:
        raise away(settings, error) from None
    return [TopicState(name, 1 if name in (names.cursor, names.settings) else count) for name in names.all]


@command
def topics(as_json: AsJson = False) -> None:
    """Create the topics that are missing and check the others. Example: bl2sm topics."""
    settings = load_settings(need="kafka")
    configure_logging("ERROR", settings.log_format, settings.secrets)
    found = make_topics(settings)
    if as_json:
        print_json(found)
    else:
        table(["topic", "partitions"], [(one.topic, one.partitions) for one in found])
