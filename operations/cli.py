"""`bl2sm`: one command a file. stdout is data, stderr is log; exit 0 fine, 1 a problem was found, 2 wrong usage."""

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer

from operations.output import DEBUG, debugging
from runtime.standard_streams import run

COMMANDS = {
    "init": "init:init",
    "check": "check:check",
    "status": "status:status",
    "explain": "explain:explain",
    "replay": "replay:replay",
    "backfill": "backfill:backfill",
    "audit": "audit:audit",
    "alerts": "alerts:alerts",
    "retract": "retract:retract",
    "settings": "settings:app",
    "pause": "switch:pause",
    "resume": "switch:resume",
    "console": "console:console",
    "dead-letters": "dead_letters:app",
    "probe": "probe:probe",
    "produce": "produce:produce",
    "process": "process:process",
    "topics": "topics:topics",
    "kafka": "kafka:kafka",
    "sandbox": "sandbox:sandbox",
    "demo": "demo:demo",
}


def every_command(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    """Every order from BaseLinker to SALESmanago, through Kafka. Example: bl2sm check.

    Data go to stdout, all else to stderr. Exit codes: 0 fine, 1 a problem was found, 2 wrong usage or settings.
    """


def build(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands; only their modules are imported."""
    app = typer.Typer(
        name="bl2sm", no_args_is_help=True, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback()(every_command)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"operations.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main(interrupt: Any = None) -> None:
    """Run the command line; `--debug` may stand anywhere. `interrupt` = how Ctrl-C is taken once it is there."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if len(arguments) < len(sys.argv) - 1:
        os.environ[DEBUG] = "1"
    asked = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS  # importing all takes a second
    command = build(asked)
    if interrupt is not None:
        signal.signal(signal.SIGINT, interrupt)
    sys.exit(run(lambda: command(args=arguments, prog_name="bl2sm"), debugging()))


if __name__ == "__main__":
    main()
