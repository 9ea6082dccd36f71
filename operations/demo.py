"""`bl2sm demo`: the whole way on this machine, without any account."""

from typing import Annotated

import typer

from operations.extra import require_sandbox
from operations.output import command


@command
def demo(
    orders: Annotated[int, typer.Option(min=1, help="How many orders.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 1,
    kill: Annotated[bool, typer.Option(help="kill -9 a processor in the middle.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what arrived as JSON.")] = False,
    console: Annotated[bool, typer.Option("--console", help="Leave the console open until Ctrl-C.")] = False,
) -> None:
    """Run everything here against stand-in APIs and check what arrived. Example: bl2sm demo --kill."""
    require_sandbox()
    from sandbox.demo import run_demo  # noqa: PLC0415 - its packages are an extra

    raise typer.Exit(run_demo(orders, seed, kill, as_json, console))
