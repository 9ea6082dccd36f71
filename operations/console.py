"""`bl2sm console`: the same answers and actions in a browser."""

from typing import Annotated

import typer

from console.serve import serve
from operations.output import command
from runtime.settings import load_settings


@command
def console(
    host: Annotated[str | None, typer.Option(help="Address to listen on; CONSOLE_HOST if not given.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; CONSOLE_PORT if not given.")] = None,
) -> None:
    """Serve the console for the shop's owner. Example: bl2sm console, then open http://127.0.0.1:8080/."""
    settings = load_settings(need="kafka")
    given = {"console_host": host, "console_port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    raise typer.Exit(serve(settings.model_copy(update=chosen)))
