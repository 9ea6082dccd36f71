"""Options that many commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without this only tell what would happen.")]
By = Annotated[str | None, typer.Option(help="Who does it; your system user if not given.")]
