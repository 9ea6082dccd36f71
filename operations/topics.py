"""`bl2sm topics`: creates what is missing, checks what is there."""

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.kafka import admin_config
from runtime.settings import SettingsError, load_settings
from schemas.topics import TopicProblem, Topics, ensure_topics


def topics() -> None:
    """Create the topics that are missing and check the others. Example: bl2sm topics."""
    try:
        settings = load_settings(need="kafka")
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    names = Topics(settings.topic_prefix)
    try:
        count = ensure_topics(AdminClient(admin_config(settings)), names, settings.journal_partitions, seconds=10.0)
    except (TopicProblem, KafkaException) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    for name in names.all:
        typer.echo(f"{name}\t{1 if name == names.cursor else count}")
