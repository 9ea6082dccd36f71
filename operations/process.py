"""`bl2sm process`: runs a processor."""

from typing import Annotated

import typer

from processor.main import main


def process(
    until_caught_up: Annotated[bool, typer.Option(help="End when nothing is left (for cron).")] = False,
) -> None:
    """Carry journal entries to SALESmanago. Example: bl2sm process --until-caught-up."""
    raise typer.Exit(main(["--until-caught-up"] if until_caught_up else []))
