"""Every command there is: its help has an example, and what prints data prints JSON on demand. In this process."""

import re

import typer
from typer.testing import CliRunner

from operations.cli import COMMANDS, build

PRINT_NO_DATA = {"produce", "console"}


def every_command() -> list[tuple[str, ...]]:
    """The words of every command, by typer's own tree."""
    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found.append(path)
            return
        for name, one in inner.items():
            walk(one, (*path, name))

    walk(typer.main.get_command(build()), ())
    return found


def test_every_command_has_a_help_with_an_example_and_json_where_it_prints_data() -> None:
    commands = every_command()
    assert {path[0] for path in commands} == set(COMMANDS)
    assert len(commands) >= len(COMMANDS)
    app, runner = build(), CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    lacking = []
    for path in commands:
        shown = runner.invoke(app, [*path, "--help"]).output
        said = " ".join(shown.replace("│", " ").split())
        assert "\x1b[" not in shown
        if not re.search(rf"Example: (\w+=\S+ )*bl2sm {' '.join(path)}", said):
            lacking.append((path, "an example"))
        if path[0] not in PRINT_NO_DATA and "--json" not in said:
            lacking.append((path, "--json"))
    assert lacking == []
