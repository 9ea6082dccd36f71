"""`bl2sm sandbox`: both stand-in APIs until Ctrl-C."""

from typing import Annotated

import typer

from operations.extra import require_sandbox
from operations.output import command


@command
def sandbox(
    orders: Annotated[int, typer.Option(min=0, help="How many orders the shop has.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    baselinker_port: Annotated[int, typer.Option(help="Port of the BaseLinker stand-in.")] = 7001,
    salesmanago_port: Annotated[int, typer.Option(help="Port of the SALESmanago stand-in.")] = 7002,
    as_json: Annotated[bool, typer.Option("--json", help="Print the settings as JSON, not as lines of .env.")] = False,
) -> None:
    """Serve stand-ins of both APIs; prints the settings that point at them. Example: bl2sm sandbox --orders 50."""
    require_sandbox()
    from sandbox.server import main  # noqa: PLC0415 - its packages are an extra

    given = {
        "--orders": orders,
        "--seed": seed,
        "--host": host,
        "--baselinker-port": baselinker_port,
        "--salesmanago-port": salesmanago_port,
    }
    options = [part for name, value in given.items() for part in (name, str(value))]
    raise typer.Exit(main(options if as_json else [*options, "--lines"]))
