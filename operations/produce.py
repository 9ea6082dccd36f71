"""`bl2sm produce`: runs a producer."""

from typing import Annotated

import typer

from producer.main import main


def produce(
    until_caught_up: Annotated[bool, typer.Option(help="End when the journal is read (for cron).")] = False,
) -> None:
    """Turn BaseLinker's journal into Kafka messages. Example: bl2sm produce --until-caught-up."""
    raise typer.Exit(main(["--until-caught-up"] if until_caught_up else []))
