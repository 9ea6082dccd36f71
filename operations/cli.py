"""`bl2sm`: one command a file. stdout is data, stderr is log; exit 0 fine, 1 a problem was found, 2 wrong usage."""

import typer

from operations import demo, kafka, process, produce, replay, sandbox, topics

app = typer.Typer(
    name="bl2sm", help="Every order from BaseLinker to SALESmanago, through Kafka.", no_args_is_help=True,
    pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
app.command("produce")(produce.produce)
app.command("process")(process.process)
app.command("replay")(replay.replay)
app.command("topics")(topics.topics)
app.command("kafka")(kafka.kafka)
app.command("sandbox")(sandbox.sandbox)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
