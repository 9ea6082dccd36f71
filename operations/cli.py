"""`bl2sm`: one command a file. stdout is data, stderr is log; exit 0 fine, 1 a problem was found, 2 wrong usage."""

import os
import sys
from typing import Annotated

import typer

from operations import (
    alerts,
    audit,
    backfill,
    check,
    console,
    dead_letters,
    demo,
    explain,
    init,
    kafka,
    probe,
    process,
    produce,
    replay,
    retract,
    sandbox,
    settings,
    status,
    switch,
    topics,
)
from operations.output import DEBUG

app = typer.Typer(
    name="bl2sm", no_args_is_help=True, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
app.command("init")(init.init)
app.command("check")(check.check)
app.command("status")(status.status)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay)
app.command("backfill")(backfill.backfill)
app.command("audit")(audit.audit)
app.command("alerts")(alerts.alerts)
app.command("retract")(retract.retract)
app.add_typer(settings.app, name="settings")
app.command("pause")(switch.pause)
app.command("resume")(switch.resume)
app.add_typer(dead_letters.app, name="dead-letters")
app.command("console")(console.console)
app.command("probe")(probe.probe)
app.command("produce")(produce.produce)
app.command("process")(process.process)
app.command("topics")(topics.topics)
app.command("kafka")(kafka.kafka)
app.command("sandbox")(sandbox.sandbox)
app.command("demo")(demo.demo)


@app.callback()
def every_command(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    """Every order from BaseLinker to SALESmanago, through Kafka.

    Data go to stdout, all else to stderr. Exit codes: 0 fine, 1 a problem was found, 2 wrong usage or settings.
    """


def main() -> None:
    """Run the command line; `--debug` may stand anywhere."""
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        os.environ[DEBUG] = "1"
    app(args=[argument for argument in arguments if argument != "--debug"], prog_name="bl2sm")


if __name__ == "__main__":
    main()
